//! The model as a stack: what a scenario calls and has serve.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use listenrain::{BoxFuture, CallError, ChannelGenerator, Endpoint, Kind, Outcome, Refusal};

use super::flaw::{Faulty, Flaw};
use super::line::{Kept, Line};
use super::pool::Pool;
use super::server::Running;
use super::source::Source;
use super::wire::codec;
use crate::scenario::{ClientSetup, Reach, ServerSetup};
use crate::stack::{BareBodies, Bodies, Caller, Handler, InUse, Serving, Stack, Told};
use crate::world::Site;

/// How long a message that wants no reply may wait to be written.
const ONE_WAY_WITHIN: Duration = Duration::from_secs(2);

/// A small model of a framework for calls, sound but for one mistake that it is told to make.
#[derive(Debug)]
pub(super) struct Model {
    name: &'static str,
    faulty: Faulty,
}

impl Model {
    /// The model that makes no mistake.
    pub(super) fn sound() -> Self {
        Self { name: "sound", faulty: Faulty::default() }
    }

    /// The model that makes the mistake `flaw`.
    pub(super) fn with(name: &'static str, flaw: Flaw) -> Self {
        Self { name, faulty: Faulty(Some(flaw)) }
    }
}

impl Stack for Model {
    fn name(&self) -> &str {
        self.name
    }

    fn bodies(&self) -> Arc<dyn Bodies> {
        Arc::new(BareBodies(Arc::new(codec())))
    }

    fn client(
        &self,
        site: &Site,
        setup: &ClientSetup,
        reach: Reach,
        servers: &[Endpoint],
    ) -> Result<Arc<dyn Caller>, String> {
        let line = |endpoints: &[Endpoint]| {
            let source = Source::new(&site.transport, endpoints, self.faulty)?;
            Ok::<_, String>(Kept::start(setup, source, self.faulty))
        };
        let ways = match reach {
            Reach::Direct => {
                let each = servers.iter().map(|server| line(std::slice::from_ref(server)));
                Ways::Fixed(each.collect::<Result<_, _>>()?)
            }
            Reach::Standby => Ways::Fixed(vec![line(servers)?]),
            Reach::Pool { protocols } => {
                Ways::Pooled(Pool::new(site.transport.clone(), setup, servers, protocols, self.faulty))
            }
        };
        Ok(Arc::new(Calling(ways)))
    }

    fn serve(
        &self,
        _site: &Site,
        setup: &ServerSetup,
        listener: Box<dyn ChannelGenerator>,
        handler: Handler,
    ) -> Result<Arc<dyn Serving>, String> {
        Ok(Arc::new(Running::start(setup, listener, handler, self.faulty)))
    }
}

struct Calling(Ways);

/// Lines by number: there all the time, or asked for anew for each call.
enum Ways {
    Fixed(Vec<Kept>),
    Pooled(Arc<Pool>),
}

impl Ways {
    fn line(&self, to: usize) -> Arc<Line> {
        match self {
            Self::Fixed(lines) => lines[to % lines.len()].line.clone(),
            Self::Pooled(pool) => pool.line(to).expect("the endpoint is a server's"),
        }
    }

    fn all(&self) -> Vec<Arc<Line>> {
        match self {
            Self::Fixed(lines) => lines.iter().map(|kept| kept.line.clone()).collect(),
            Self::Pooled(pool) => pool.all(),
        }
    }
}

async fn call(line: Arc<Line>, kind: Kind, body: Bytes, timeout: Duration) -> Outcome<Bytes> {
    let outcome = line.call(kind, body, timeout).await;
    if let Err(CallError::Refused(Refusal::Down { .. })) = outcome {
        line.found_down();
    }
    outcome
}

impl Caller for Calling {
    fn call(&self, to: usize, body: Bytes, timeout: Duration) -> BoxFuture<'_, Outcome<Bytes>> {
        Box::pin(call(self.0.line(to), Kind::Request, body, timeout))
    }

    fn send(&self, to: usize, body: Bytes, timeout: Duration, told: Told) -> BoxFuture<'_, ()> {
        let line = self.0.line(to);
        Box::pin(async move {
            tokio::spawn(async move { told(call(line, Kind::Request, body, timeout).await) });
        })
    }

    fn one_way(&self, to: usize, body: Bytes) -> BoxFuture<'_, Result<(), CallError>> {
        let line = self.0.line(to);
        Box::pin(async move { call(line, Kind::OneWay, body, ONE_WAY_WITHIN).await.map(|_| ()) })
    }

    fn close(&self, within: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            for line in self.0.all() {
                line.close(within).await;
            }
        })
    }

    fn in_use(&self) -> InUse {
        self.0.all().iter().map(|line| line.in_use()).fold(InUse::default(), |sum, of| InUse {
            requests: sum.requests + of.requests,
            bytes: sum.bytes + of.bytes,
            queued: sum.queued + of.queued,
        })
    }
}
