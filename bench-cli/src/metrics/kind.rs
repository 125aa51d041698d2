//! Kinds of time: which two of a request's three moments are taken.

use hdrhistogram::Histogram;
use listenrain_results::{Cell, Times};

use crate::histogram::from_text;

/// A kind of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// From sent to done.
    Service,
    /// From intended to done.
    Response,
    /// From intended to sent.
    SendLag,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Service, Self::Response, Self::SendLag];

    /// As it is called in files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Response => "response",
            Self::SendLag => "send_lag",
        }
    }

    /// What a user would see of `cell`: response time of an open loop, service time of a closed one.
    pub(crate) fn seen(cell: &Cell) -> Self {
        if cell.response_us.is_some() { Self::Response } else { Self::Service }
    }

    /// The figures of that kind.
    pub(crate) fn times(self, cell: &Cell) -> Option<Times> {
        match self {
            Self::Service => Some(cell.service_us),
            Self::Response => cell.response_us,
            Self::SendLag => cell.send_lag_us,
        }
    }

    /// The histogram of that kind, nanoseconds; none in runs that kept none.
    ///
    /// # Errors
    ///
    /// When what the run holds is no histogram.
    pub(crate) fn histogram(self, cell: &Cell) -> Result<Option<Histogram<u64>>, String> {
        self.text(cell).map(from_text).transpose()
    }

    /// As the run file has it.
    pub(crate) fn text(self, cell: &Cell) -> Option<&str> {
        let kept = &cell.histograms;
        match self {
            Self::Service => kept.service.as_deref(),
            Self::Response => kept.response.as_deref(),
            Self::SendLag => kept.send_lag.as_deref(),
        }
    }
}
