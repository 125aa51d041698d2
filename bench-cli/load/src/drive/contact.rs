//! First contact: one request on each connection before the load, so that a target which is not there or speaks another
//! protocol is refused and not measured.
//!
//! It is one of the cell's own, as large and of the same form: there are servers that read no other size.

use std::future::Future;
use std::io;
use std::time::Duration;

use ::listenrain::NextError;
use bytes::Bytes;
use tokio::time::timeout;

use super::callers::Failure;
use super::first::First;
use super::{Setting, StackError};

/// How long a target may take to be reached, and to answer the first request.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Makes connections to what a cell measures.
#[derive(Debug, Clone)]
pub struct Contact {
    /// The target that is dialled, if the server is not ours.
    target: Option<String>,
    protocol: String,
    within: Duration,
    first: First,
}

impl Contact {
    /// How `setting` is to be met.
    #[must_use]
    pub fn of(setting: &Setting) -> Self {
        let target = setting.config.target.as_ref().map(|_| setting.endpoint.to_string());
        let config = &setting.config;
        let first = First { size: config.first_payload() };
        let within = setting.answer_within + config.first_allowance();
        Self { target, protocol: config.protocol.to_string(), within, first }
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
            (None, StackError::Next { error }) if has_no_address(&error) => {
                StackError::Stack(format!("no connection: {}", reason(&error)))
            }
            (None, error) => error,
            (Some(endpoint), StackError::Next { error }) => unreachable(endpoint, reason(&error)),
            (Some(endpoint), error) => unreachable(endpoint, error.to_string()),
        })
    }

    /// Sends the first request by `call`, whole, and checks the reply.
    ///
    /// # Errors
    ///
    /// [`StackError::Foreign`] or [`StackError::Silent`] for a target, [`StackError::Stack`] for a server of this
    /// process.
    pub async fn greet_whole<F>(&self, call: impl FnOnce(Bytes) -> F) -> Result<(), StackError>
    where
        F: Future<Output = Result<Bytes, Failure>>,
    {
        let exchange = async |first: First| {
            let reply = call(first.part(0, first.size)).await.map_err(|failure| failure.message)?;
            first.check_whole(&reply)
        };
        self.greet(exchange).await
    }

    /// The same where `exchange` sends the first request and checks the reply.
    pub(super) async fn greet(
        &self,
        exchange: impl AsyncFnOnce(First) -> Result<(), String>,
    ) -> Result<(), StackError> {
        let answered = timeout(self.within, exchange(self.first)).await;
        let protocol = self.protocol.clone();
        let Ok(checked) = answered else {
            let within = humantime::format_duration(self.within).to_string();
            return Err(match self.target.clone() {
                Some(endpoint) => StackError::Silent { endpoint, protocol, within },
                None => StackError::Stack(format!("the first request got no reply within {within}")),
            });
        };
        checked.map_err(|why| match self.target.clone() {
            Some(endpoint) => StackError::Foreign { endpoint, protocol, why },
            None => StackError::Stack(format!("the first request went wrong: {why}")),
        })
    }
}

fn unreachable(endpoint: &str, why: String) -> StackError {
    StackError::Unreachable { endpoint: endpoint.to_owned(), why }
}

/// Whether the system had no address of its own left for the connection.
fn has_no_address(error: &NextError) -> bool {
    let mut source = error.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static));
    while let Some(error) = source {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable)
        {
            return true;
        }
        source = error.source();
    }
    false
}

/// What the system said, once; and what to do, where it is not the target's fault.
pub(super) fn reason(error: &NextError) -> String {
    let said = said_once(error);
    if !has_no_address(error) {
        return said;
    }
    format!(
        "{said}: every local port towards it may be in use, each for a minute after its connection was closed; ask for \
         fewer --connections or --lanes, wait a minute, or widen net.ipv4.ip_local_port_range"
    )
}

fn said_once(error: &NextError) -> String {
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
    async fn a_first_request_is_as_large_as_the_cells_and_larger_than_any_buffer_between() {
        // A server that echoes as it reads stops reading while its reply is not read.
        let payload = 16 << 20;
        for (stack, protocol) in ALL {
            let registry = Registry::standard();
            let transport = Arc::clone(registry.transport("tcp").unwrap());
            let scratch = transport.scratch_endpoint();
            let config = CellConfig { stack: stack.to_owned(), protocol, payload, ..CellConfig::default() };
            let setting = Setting::new(config, transport, scratch, Arc::new(Meter::new(1)));
            let contact = Contact::of(&setting);
            assert_eq!(
                (contact.first.size, contact.within),
                (payload, ANSWER_WITHIN + Duration::from_secs(2))
            );
            let started = registry.stack(stack).unwrap().start(setting).await;
            assert!(started.is_ok(), "{stack} {protocol}: {:?}", started.err());
        }
    }

    #[test]
    fn a_mixs_first_request_is_the_first_kind_that_is_answered() {
        let file = "name = 'x'\n[[request]]\npayload = '64B'\none_way = true\n[[request]]\npayload = '1KiB'\n\
            [[request]]\npayload = '8KiB'\n[[phase]]\nname = 'a'\nduration = '1s'\nparallel = 2\n";
        let scenario = Some(crate::load::Scenario::parse(file, 1).unwrap());
        let transport = Arc::clone(Registry::standard().transport("tcp").unwrap());
        let scratch = transport.scratch_endpoint();
        let config = CellConfig { scenario, ..CellConfig::default() };
        let contact = Contact::of(&Setting::new(config, transport, scratch, Arc::new(Meter::new(1))));
        assert_eq!(contact.first.size, 1024);
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
