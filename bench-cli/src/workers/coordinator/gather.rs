//! Participants that have joined, and what they report.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout_at};

use super::{Aborted, Coordinator, Member, Who};
use crate::workers::admission::{self, Event};
use crate::workers::clock::Probe;
use crate::workers::participant;
use crate::workers::wire::{Hello, Message, ReadHalf, Sender, WriteHalf};

/// Connections beyond those expected: probes of the port, and participants that come again.
const UNKNOWN_PEERS: usize = 64;
/// After the system could not accept a connection: it may have no descriptor left for now.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

impl Coordinator {
    /// Waits until all are there. A participant that goes before that may come again: nothing has been measured.
    pub(super) async fn gather(&mut self, until: Instant) -> Result<(), Aborted> {
        let all = self.expected.workers + self.expected.servers;
        while (self.members.len() as u64) < all {
            match self.event(until).await {
                None => return Err(self.absent()),
                Some(Event::Hello(connection, hello, outgoing)) => {
                    self.hello(connection, &hello, outgoing)?
                }
                Some(Event::Gone(connection, _)) => {
                    self.members.retain(|member| member.connection != connection);
                }
                Some(Event::Said(connection, message, _)) => match (self.member(connection), message) {
                    (Some(member), Message::Abort { why }) => return Err(format!("{}: {why}", member.who)),
                    (Some(member), _) => return Err(out_of_turn(member.who)),
                    (None, _) => {}
                },
            }
        }
        Ok(())
    }

    /// A place for the participant that says `hello`, or the end of the run: an expected participant has a wrong setting.
    fn hello(&mut self, connection: u64, hello: &Hello, outgoing: Sender) -> Result<(), Aborted> {
        let taken: Vec<_> = self.members.iter().map(|member| member.who).collect();
        match admission::admit(hello, &self.expected, &taken) {
            Ok(who) => {
                let probe = Probe::default();
                let (ready, part, usage, is_gone) = (None, None, None, false);
                self.members.push(Member { connection, who, outgoing, probe, ready, part, usage, is_gone });
                Ok(())
            }
            Err(why) => {
                let _ = outgoing.send(Message::Refused { why: why.clone() });
                Err(why)
            }
        }
    }

    /// Who has not come.
    fn absent(&self) -> Aborted {
        let workers = (0..self.expected.workers).map(Who::Worker);
        let all = workers.chain((0..self.expected.servers).map(Who::Server));
        let absent = all.filter(|who| self.members.iter().all(|member| member.who != *who));
        let names: Vec<_> = absent.map(|who| who.to_string()).collect();
        format!("{} did not come within {:?}", names.join(", "), self.pace.gather)
    }

    /// What a member says next, which one, and when it came.
    ///
    /// # Errors
    ///
    /// A member is gone or gives up; or it is late, and then those that `lack` it are named with what they did not do.
    pub(super) async fn said(
        &mut self,
        until: Instant,
        did_not: &str,
        lack: impl Fn(&Member) -> bool,
    ) -> Result<(usize, Message, Instant), Aborted> {
        loop {
            match self.event(until).await {
                None => {
                    let late: Vec<_> = self
                        .members
                        .iter()
                        .filter(|member| lack(member))
                        .map(|member| member.who.to_string())
                        .collect();
                    return Err(format!("{} {did_not}", late.join(", ")));
                }
                Some(Event::Hello(_, _, outgoing)) => {
                    let why = "all are there, and the run has begun".to_owned();
                    let _ = outgoing.send(Message::Refused { why });
                }
                Some(Event::Gone(connection, why)) => {
                    if let Some(who) = self.left(connection) {
                        return Err(format!("{who}: {why}"));
                    }
                }
                Some(Event::Said(connection, message, at)) => {
                    let place = self.members.iter().position(|member| member.connection == connection);
                    match (place, message) {
                        (Some(place), Message::Abort { why }) => {
                            return Err(format!("{}: {why}", self.members[place].who));
                        }
                        (Some(place), message) => return Ok((place, message, at)),
                        (None, _) => {}
                    }
                }
            }
        }
    }

    /// The next event, or nothing when `until` has come. New connections get a task meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn event(&mut self, until: Instant) -> Option<Event> {
        let most = (self.expected.workers + self.expected.servers) as usize + UNKNOWN_PEERS;
        loop {
            let accepted = tokio::select! {
                biased;
                event = self.events.recv() => return event,
                accepted = timeout_at(until.into(), self.listener.accept()) => accepted.ok()?,
            };
            while self.connections_open.try_join_next().is_some() {}
            match accepted {
                Ok((stream, _)) if self.connections_open.len() < most => {
                    // A socket that takes no option still carries bytes.
                    let _ = participant::prepare(&stream);
                    let (read, write) = stream.into_split();
                    self.open(Box::new(read), Box::new(write));
                }
                Ok(_) => {}
                Err(_) => sleep(ACCEPT_AGAIN).await,
            }
        }
    }

    pub(super) fn open(&mut self, read: ReadHalf, write: WriteHalf) {
        self.connections += 1;
        self.connections_open.spawn(admission::attend(self.connections, read, write, self.tell.clone()));
    }

    pub(super) fn member(&mut self, connection: u64) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.connection == connection)
    }

    /// Who it was that left.
    pub(super) fn left(&mut self, connection: u64) -> Option<Who> {
        let member = self.member(connection)?;
        member.is_gone = true;
        Some(member.who)
    }
}

pub(super) fn out_of_turn(who: Who) -> Aborted {
    format!("{who} sent an unexpected message: is it the same build?")
}
