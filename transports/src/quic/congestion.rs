//! Congestion controllers by name.

use std::sync::Arc;

use quinn::congestion::{BbrConfig, ControllerFactory, CubicConfig, NewRenoConfig};

/// What decides how much may be on its way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Congestion {
    /// What most of the internet's TCP does, RFC 9438; the default.
    #[default]
    Cubic,
    /// The plain controller of RFC 9002.
    NewReno,
    /// Models bandwidth and round trip instead of waiting for losses. Experimental, and it draws randomness of its own, so no
    /// simulation repeats with it.
    Bbr,
}

impl Congestion {
    pub(super) const ALL: [(&'static str, Self); 3] =
        [("cubic", Self::Cubic), ("newreno", Self::NewReno), ("bbr", Self::Bbr)];

    /// Its controllers, starting with `window` bytes where that is not left to them.
    pub(super) fn factory(self, window: Option<u64>) -> Arc<dyn ControllerFactory + Send + Sync> {
        let (mut cubic, mut new_reno, mut bbr) =
            (CubicConfig::default(), NewRenoConfig::default(), BbrConfig::default());
        if let Some(window) = window {
            cubic.initial_window(window);
            new_reno.initial_window(window);
            bbr.initial_window(window);
        }
        match self {
            Self::Cubic => Arc::new(cubic),
            Self::NewReno => Arc::new(new_reno),
            Self::Bbr => Arc::new(bbr),
        }
    }
}
