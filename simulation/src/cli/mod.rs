//! tool
use std::process::ExitCode;
use crate::lineup::Lineup;
/// x
pub fn main_with(lineup: Lineup) -> ExitCode { let _ = lineup; ExitCode::SUCCESS }
