//! `bench-cli` with the built-in transports.
//!
//! On the system's allocator: mimalloc was tried and was 20 % slower at 16 x 32 KiB on the bare stack, equal elsewhere,
//! and 10 MiB more resident.

use std::process::ExitCode;

use bench_cli::Registry;

fn main() -> ExitCode {
    bench_cli::main_with(Registry::standard())
}
