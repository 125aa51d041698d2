//! Transports that are broken on purpose, and the case that is there for each.
//!
//! A case that catches nothing proves nothing. So every case has at least one control that it must fail.

use crate::conformance::Subject;

/// x
#[derive(Debug)]
pub struct Control;
impl Control { 
/// x
pub fn subject(&self) -> Subject { unimplemented!() } }
/// x
pub fn control(_name: &str) -> Option<&'static Control> { None }
