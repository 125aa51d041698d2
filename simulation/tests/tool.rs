//! The built program, as a user runs it, and as it judges what is broken on purpose.

mod broken;
mod caught;
mod cli;
mod hooks;
mod program;
mod sweep_cli;
