//! Admission of participants by worker 0: each connection's two tasks, and whether it has a place.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;

use super::coordinator::{Aborted, Expected, Who};
use super::settings::Settings;
use super::wire::{
    self, Hello, LONGEST_HELLO, LONGEST_LINE, Message, ReadHalf, Reader, Role, Sender, VERSION, WriteHalf,
};

/// Who says nothing for so long is no participant.
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// What happens on a connection.
#[derive(Debug)]
pub(super) enum Event {
    /// A participant wants to take part.
    Hello(u64, Hello, Sender),
    /// It said something, at that time.
    Said(u64, Message, Instant),
    /// It is gone, and why.
    Gone(u64, String),
}

/// Tells the events of one connection until it is over in both directions.
pub(super) async fn attend(connection: u64, read: ReadHalf, write: WriteHalf, tell: UnboundedSender<Event>) {
    let mut reader = Reader::new(read);
    let (outgoing, writing) = wire::writer(write);
    let reading = async {
        match timeout(HELLO_WITHIN, reader.next(LONGEST_HELLO)).await {
            Ok(Ok(Message::Hello(hello))) => {
                let _ = tell.send(Event::Hello(connection, hello, outgoing));
            }
            // A port that is probed, or something else that was sent here by mistake: no reason to end a run.
            _ => {
                let why = format!("this is the rendezvous of bench-cli, protocol {VERSION}; say HELLO first");
                let _ = outgoing.send(Message::Refused { why });
                return;
            }
        }
        loop {
            match reader.next(LONGEST_LINE).await {
                Ok(message) => {
                    let _ = tell.send(Event::Said(connection, message, Instant::now()));
                }
                Err(error) => {
                    let _ = tell.send(Event::Gone(connection, error.to_string()));
                    return;
                }
            }
        }
    };
    tokio::join!(reading, writing);
}

/// The place of a participant that says `hello`, among those that are `taken`.
///
/// # Errors
///
/// Why there is none, for both sides to read.
pub(super) fn admit(hello: &Hello, expected: &Expected, taken: &[Who]) -> Result<Who, Aborted> {
    let (ours, theirs) = (env!("CARGO_PKG_VERSION"), &hello.version);
    let who = match &hello.role {
        Role::Worker { index, .. } => format!("worker {index}"),
        Role::Server => "a server".to_owned(),
    };
    if hello.protocol != VERSION || theirs != ours {
        return Err(format!(
            "{who} is bench-cli {theirs} with protocol {}, worker 0 is {ours} with protocol {VERSION}: use one build",
            hello.protocol
        ));
    }
    let place = match &hello.role {
        Role::Worker { index, count, settings } => {
            worker(*index, *count, settings, expected)?;
            Who::Worker(*index)
        }
        Role::Server => {
            let servers = taken.iter().filter(|who| matches!(who, Who::Server(_))).count() as u64;
            if servers >= expected.servers {
                return Err(format!(
                    "a server more than --servers {} says; say --servers {} on every worker",
                    expected.servers,
                    servers + 1
                ));
            }
            Who::Server((0..).find(|number| !taken.contains(&Who::Server(*number))).unwrap_or(servers))
        }
    };
    if taken.contains(&place) {
        return Err(format!("there are two of {place}: give each its own --index"));
    }
    Ok(place)
}

fn worker(index: u64, count: u64, settings: &str, expected: &Expected) -> Result<(), Aborted> {
    if count != expected.workers {
        return Err(format!(
            "worker {index} says that there are {count} workers, and worker 0 that there are {}",
            expected.workers
        ));
    }
    if index >= count {
        return Err(format!("worker {index}: of {count} workers, the last is {}", count - 1));
    }
    let theirs = Settings::from_text(settings)
        .map_err(|error| format!("worker {index} sent settings that are none: {error}"))?;
    match expected.settings.difference(&theirs) {
        None => Ok(()),
        Some(differs) => Err(format!("worker {index} has other settings: {differs}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_participant_that_does_not_belong_here_is_refused_by_name() {
        let settings = Settings::of(&[]);
        let expected = Expected { workers: 2, servers: 0, settings: settings.clone() };
        let hello = |role| Hello { protocol: VERSION, version: env!("CARGO_PKG_VERSION").to_owned(), role };
        let worker = |index, count| hello(Role::Worker { index, count, settings: settings.to_text() });
        assert_eq!(admit(&worker(1, 2), &expected, &[Who::Worker(0)]), Ok(Who::Worker(1)));
        for (hello, says) in [
            (worker(0, 2), "two of worker 0"),
            (worker(5, 2), "of 2 workers, the last is 1"),
            (worker(1, 3), "3 workers, and worker 0 that there are 2"),
            (hello(Role::Server), "say --servers 1 on every worker"),
            (Hello { protocol: 99, ..worker(1, 2) }, "with protocol 99, worker 0 is"),
            (Hello { version: "77.0.0".to_owned(), ..worker(1, 2) }, "is bench-cli 77.0.0 with"),
        ] {
            let why = admit(&hello, &expected, &[Who::Worker(0)]).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
    }
}
