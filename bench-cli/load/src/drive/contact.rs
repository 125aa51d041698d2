//! First contact: one small request on each connection before the load, so that a target which is not there or speaks
//! another protocol is refused and not measured.

use std::future::Future;
use std::time::Duration;

use ::listenrain::NextError;
use bytes::Bytes;
use tokio::time::timeout;

use super::callers::Failure;
use super::{Setting, StackError};
use crate::payload::{self, STAMP, Thoroughness};

/// How long a target may take to be reached, and to answer the first request.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The number of the first request. Its bytes begin no packet of any protocol.
const NUMBER: u64 = u64::MAX;

/// Makes connections to what a cell measures.
#[derive(Debug, Clone)]
pub struct Contact {
    /// The target that is dialled, if the server is not ours.
    target: Option<String>,
    protocol: String,
    within: Duration,
}

impl Contact {
    /// How `setting` is to be met.
    #[must_use]
    pub fn of(setting: &Setting) -> Self {
        let target = setting.config.target.as_ref().map(|_| setting.endpoint.to_string());
        Self { target, protocol: setting.config.protocol.to_string(), within: setting.answer_within }
    }

    /// What `connecting` gives, unless it takes too long.
    ///
    /// # Errors
    ///
    /// [`StackError::Unreachable`] for a target, or the error itself for a server of this process.
    pub async fn reach<T>(
        &self,
        connecting: impl Future<Output = Result<T, StackError>>,
    ) -> Result<T, StackError> {
        let reached = timeout(self.within, connecting).await;
        let reached = reached.unwrap_or_else(|_| {
            Err(StackError::Stack(format!(
                "no connection within {}",
                humantime::format_duration(self.within)
            )))
        });
        reached.map_err(|error| match (&self.target, error) {
            (None, error) => error,
            (Some(endpoint), StackError::Next { error }) => unreachable(endpoint, reason(&error)),
            (Some(endpoint), error) => unreachable(endpoint, error.to_string()),
        })
    }

    /// Sends the first request by `call` and checks the reply.
    ///
    /// # Errors
    ///
    /// [`StackError::Foreign`] or [`StackError::Silent`] for a target, [`StackError::Stack`] for a server of this
    /// process.
    pub async fn greet<F>(&self, call: impl FnOnce(Bytes) -> F) -> Result<(), StackError>
    where
        F: Future<Output = Result<Bytes, Failure>>,
    {
        let mut request = vec![0; STAMP];
        payload::fill(&mut request, NUMBER);
        let answered = timeout(self.within, call(request.into())).await;
        let protocol = self.protocol.clone();
        let Ok(answered) = answered else {
            let within = humantime::format_duration(self.within).to_string();
            return Err(match self.target.clone() {
                Some(endpoint) => StackError::Silent { endpoint, protocol, within },
                None => StackError::Stack(format!("the first request got no reply within {within}")),
            });
        };
        let checked = answered.map_err(|failure| failure.message).and_then(|reply| {
            let checked = payload::check(&reply, STAMP, NUMBER, Thoroughness::Full);
            checked.map_err(|_| format!("the reply to {STAMP} bytes was {}", shown(&reply)))
        });
        checked.map_err(|why| match self.target.clone() {
            Some(endpoint) => StackError::Foreign { endpoint, protocol, why },
            None => StackError::Stack(format!("the first request went wrong: {why}")),
        })
    }
}

fn unreachable(endpoint: &str, why: String) -> StackError {
    StackError::Unreachable { endpoint: endpoint.to_owned(), why }
}

/// What the system said, once.
pub(super) fn reason(error: &NextError) -> String {
    let kind = error.kind.to_string();
    match &error.source {
        Some(source) => {
            let source = source.to_string();
            let says_so = source.to_lowercase().contains(&kind.to_lowercase());
            if says_so { kind } else { format!("{kind}: {source}") }
        }
        None => kind,
    }
}

/// The beginning of a reply, for people to read.
fn shown(reply: &[u8]) -> String {
    let most = 2 * STAMP;
    let more = if reply.len() > most { "…" } else { "" };
    format!("`{}{more}`", reply[..reply.len().min(most)].escape_ascii())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::sync::Arc;
    use std::thread;

    use listenrain::Endpoint;

    use super::*;
    use crate::drive::{Registry, Serving};
    use crate::load::{CellConfig, ProtocolChoice};
    use crate::meter::Meter;

    /// Long enough for any machine, where something does come.
    const LONG: Duration = Duration::from_secs(60);

    /// What `stack` says to a target at `endpoint`; its `Ok` is that it would be measured.
    async fn start(
        stack: &str,
        protocol: ProtocolChoice,
        endpoint: &Endpoint,
        within: Duration,
    ) -> Result<(), String> {
        let registry = Registry::standard();
        let config = CellConfig {
            stack: stack.to_owned(),
            protocol,
            connections: 2,
            target: Some(endpoint.to_string()),
            ..CellConfig::default()
        };
        let transport = Arc::clone(registry.transport("tcp").unwrap());
        let mut setting = Setting::new(config, transport, endpoint.clone(), Arc::new(Meter::new(1)));
        setting.answer_within = within;
        let started = registry.stack(stack).unwrap().start(setting).await;
        started.map(drop).map_err(|error| error.to_string())
    }

    /// A server of `stack` in a task; where it listens.
    async fn serve(stack: &'static str, protocol: ProtocolChoice) -> Endpoint {
        let (told, listens) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let registry = Registry::standard();
            let config = CellConfig { protocol, ..CellConfig::default() };
            let transport = registry.transport("tcp").unwrap();
            let serving = Serving::of(&config, Arc::clone(transport), transport.scratch_endpoint());
            let ready = Box::new(|endpoint: &Endpoint| drop(told.send(endpoint.clone())));
            registry.stack(stack).unwrap().serve(serving, ready).await.map_err(|error| error.to_string())
        });
        listens.await.unwrap()
    }

    fn at(listener: &TcpListener) -> Endpoint {
        format!("tcp://{}", listener.local_addr().unwrap()).parse().unwrap()
    }

    const ALL: [(&str, ProtocolChoice); 4] = [
        ("listenrain", ProtocolChoice::Native),
        ("listenrain", ProtocolChoice::Original),
        ("bare", ProtocolChoice::Stream),
        ("floor", ProtocolChoice::Length),
    ];

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_named_with_the_way_to_start_a_server() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = at(&listener);
        drop(listener);
        for (stack, protocol) in ALL {
            let said = start(stack, protocol, &endpoint, LONG).await.unwrap_err();
            let expected = format!(
                "{endpoint} cannot be reached: connection refused; is a server there? `bench-cli serve --listen {endpoint}` \
                 starts one"
            );
            assert_eq!(said, expected, "{stack} {protocol}");
        }
    }

    #[tokio::test]
    async fn a_server_that_answers_something_else_is_no_target() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = at(&listener);
        // One connection each: the first that fails is the last. The library may dial again meanwhile, unanswered.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 16]).unwrap();
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
                let _ = stream.shutdown(Shutdown::Write);
            }
        });
        for (stack, protocol) in ALL {
            let said = start(stack, protocol, &endpoint, LONG).await.unwrap_err();
            let begin = format!("{endpoint} answers, but not in protocol {protocol}: ");
            assert!(said.starts_with(&begin), "{stack} {protocol}: {said}");
            assert!(said.ends_with("; start both with the same --stack and --protocol"), "{said}");
        }
    }

    #[tokio::test]
    async fn a_server_that_never_answers_is_not_waited_for_longer_than_the_limit() {
        // The system accepts for it; it never reads.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = at(&listener);
        for (stack, protocol) in ALL {
            let said = start(stack, protocol, &endpoint, Duration::from_millis(50)).await.unwrap_err();
            let begin = format!(
                "{endpoint} takes connections, but answered no request in protocol {protocol} within 50ms; "
            );
            assert!(said.starts_with(&begin), "{stack} {protocol}: {said}");
        }
    }

    #[tokio::test]
    async fn every_pair_that_does_not_speak_the_same_is_refused_and_every_other_works() {
        for (served, spoken) in ALL {
            let endpoint = serve(served, spoken).await;
            for (stack, protocol) in ALL {
                let said = start(stack, protocol, &endpoint, LONG).await;
                // Where request and reply look alike an echo is the right answer, so `bare` speaks such a protocol.
                let look_alike = [ProtocolChoice::Original, ProtocolChoice::Length];
                let same = spoken == protocol
                    || (spoken == ProtocolChoice::Stream && look_alike.contains(&protocol));
                let what = format!("{stack} {protocol} at {served} {spoken}: {said:?}");
                assert_eq!(said.is_ok(), same, "{what}");
                if let Err(said) = said {
                    assert!(said.contains(&format!("answers, but not in protocol {protocol}: ")), "{what}");
                }
            }
        }
    }

    /// Hands the first `most` connections on to `server` and hangs up on all others.
    fn relay(server: &Endpoint, most: usize) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (endpoint, to) = (at(&listener), server.to_string().replace("tcp://", ""));
        let copy = |mut from: TcpStream, mut to: TcpStream| {
            thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
        };
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (Ok(stream), true) = (stream, number < most) else { continue };
                let other = TcpStream::connect(&to).unwrap();
                copy(stream.try_clone().unwrap(), other.try_clone().unwrap());
                copy(other, stream);
            }
        });
        endpoint
    }

    #[tokio::test]
    async fn defect_13_fewer_connections_than_were_asked_for_are_no_row() {
        for (stack, protocol) in ALL {
            let server = serve(stack, protocol).await;
            start(stack, protocol, &relay(&server, 2), LONG).await.unwrap();
            let said = start(stack, protocol, &relay(&server, 1), Duration::from_secs(5)).await;
            assert!(said.is_err(), "{stack} {protocol} would be measured with one connection of two");
        }
    }
}
