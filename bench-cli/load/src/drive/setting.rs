//! Settings that a stack receives: to measure a cell, and to serve one.

use std::sync::Arc;
use std::time::Duration;

use ::listenrain::{Endpoint, Transport};

use super::contact::ANSWER_WITHIN;
use super::phases::Phases;
use super::stalls::Stalls;
use crate::load::{CellConfig, ProtocolChoice};
use crate::meter::Meter;

/// What a stack gets to measure a cell with.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The cell.
    pub config: CellConfig,
    /// The cell's transport, whose listeners stall where the cell says so.
    pub transport: Arc<dyn Transport>,
    /// Where to listen, with the cell's options; or, where the cell has a target, what to dial.
    pub endpoint: Endpoint,
    /// What to report to.
    pub meter: Arc<Meter>,
    /// The stalls of a server in this process, to be told when the timed window begins.
    pub stalls: Arc<Stalls>,
    /// The phases of the load, each with its meter; the first has [`meter`](Self::meter).
    pub phases: Arc<Phases>,
    /// How long a connection may take to stand, and to answer its first request. Default: 5 s; a first request of 6 MiB
    /// or more is given a second more for each 6 MiB.
    pub answer_within: Duration,
}

impl Setting {
    /// The setting of `config`.
    #[must_use]
    pub fn new(
        config: CellConfig,
        transport: Arc<dyn Transport>,
        endpoint: Endpoint,
        meter: Arc<Meter>,
    ) -> Self {
        let stalls = Stalls::of(&config);
        let transport = stalls.over(transport);
        let phases = Phases::new(Arc::clone(&meter), config.phases(), config.runtime.threads());
        Self { config, transport, endpoint, meter, stalls, phases, answer_within: ANSWER_WITHIN }
    }

    /// What the server of this cell needs to know, if it is one of this process.
    #[must_use]
    pub fn serving(&self) -> Serving {
        let Self { config, transport, endpoint, stalls, .. } = self.clone();
        Serving::with(&config, transport, endpoint, stalls)
    }
}

/// What a server needs to know.
#[derive(Debug, Clone)]
pub struct Serving {
    /// What to listen on; its listeners stall where the cell says so.
    pub transport: Arc<dyn Transport>,
    /// Where to listen.
    pub endpoint: Endpoint,
    /// What to speak.
    pub protocol: ProtocolChoice,
    /// Most requests that clients may have outstanding. A stack takes at least as many at once.
    pub outstanding: u64,
    /// Most bytes of their payloads.
    pub bytes: usize,
    /// The server's stalls, to be told when the timed window begins.
    pub stalls: Arc<Stalls>,
}

impl Serving {
    /// The server of `config`, in a process of its own.
    #[must_use]
    pub fn of(config: &CellConfig, transport: Arc<dyn Transport>, endpoint: Endpoint) -> Self {
        let stalls = Stalls::of(config);
        Self::with(config, stalls.over(transport), endpoint, stalls)
    }

    fn with(
        config: &CellConfig,
        transport: Arc<dyn Transport>,
        endpoint: Endpoint,
        stalls: Arc<Stalls>,
    ) -> Self {
        let CellConfig { protocol, window: bytes, .. } = *config;
        Self { transport, endpoint, protocol, outstanding: config.outstanding(), bytes, stalls }
    }
}
