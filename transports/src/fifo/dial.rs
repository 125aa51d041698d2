//! Dialing: a request at the rendezvous, then the listener's answer.
//!
//! Every failure is a passing one: what is there may be replaced by a listener of this user. Dropping a dial closes its
//! pair and removes its names; a request that stays in the rendezvous then leads nowhere.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use listenrain::channel::PeerCredentials;
use listenrain::{Channel, ChannelFacts, Endpoint, EndpointError, NextError};
use nix::unistd::{self, Uid};
use tokio::io::Interest;
use tokio::net::unix::pipe::{Receiver, Sender};

use super::name::Name;
use super::open::{End, nobody_reads, open};
use super::pair::Pair;
use super::place::Place;
use super::request::Request;
use super::{FifoOptions, SCHEME, VERSION, halves};
use crate::dialing::within;
use crate::entropy::Entropy;

/// What is dialled or listened at, and how.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) endpoint: Endpoint,
    pub(super) place: Place,
    pub(super) options: FifoOptions,
    pub(super) entropy: Arc<dyn Entropy>,
}

impl Target {
    pub(super) fn dialer(self) -> Result<Self, EndpointError> {
        Ok(self)
    }

    async fn try_dial(&self) -> io::Result<Channel> {
        let owner = Uid::effective().as_raw();
        let rendezvous = open(&self.place.rendezvous, End::Write, owner).map_err(nobody_listens)?;
        let seen = rendezvous.metadata()?;
        let rendezvous = Sender::from_file_unchecked(rendezvous)?;
        let pair = Pair::make(&self.place, owner, &*self.entropy).map_err(nobody_listens)?;
        let held = pair.hold(owner, self.options.pipe_size).map_err(nobody_listens)?;

        ask(&rendezvous, pair.name).await?;
        match answer(&rendezvous, &held.ends.read).await? {
            VERSION => {}
            other => {
                let text = format!("the listener speaks version {other}, not {VERSION}");
                return Err(io::Error::new(io::ErrorKind::Unsupported, text));
            }
        }
        let mut facts = ChannelFacts::new(SCHEME)
            .between(Some(self.place.dialer(pair.name)), Some(self.place.listener.clone()));
        facts.credentials = Some(PeerCredentials::new(None, seen.uid(), seen.gid()));
        Ok(halves::channel(held.ends, facts))
    }

    pub(super) async fn dial(self) -> Result<Channel, NextError> {
        let dialled = within(self.options.connect_timeout, "answer", self.try_dial()).await;
        dialled.map_err(|error| NextError::passing("dial", &self.endpoint, error))
    }
}

/// Writes a request, all of it at once; waits while there is no room for it.
async fn ask(rendezvous: &Sender, name: Name) -> io::Result<()> {
    let request = Request { version: VERSION, pid: std::process::id(), name }.encode();
    // The runtime has not heard yet that there is room, and nearly always there is.
    let mut written = unistd::write(rendezvous, &request).map_err(io::Error::from);
    loop {
        match written {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => rendezvous.writable().await?,
            Err(error) => return Err(nobody_listens(error)),
        }
        written = rendezvous.try_write(&request);
    }
}

/// Waits for the one byte with which a listener says that it has the pair, or for the listener to go.
async fn answer(rendezvous: &Sender, from: &Receiver) -> io::Result<u8> {
    let mut answer = [0];
    loop {
        tokio::select! {
            biased;
            ready = from.readable() => ready?,
            gone = rendezvous.ready(Interest::ERROR) => {
                gone?;
                // It may have answered just before.
                return match unistd::read(from, &mut answer) {
                    Ok(1) => Ok(answer[0]),
                    _ => Err(refused("the listener went before it answered")),
                };
            }
        }
        match from.try_read(&mut answer) {
            Ok(1) => return Ok(answer[0]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(_) => return Err(refused("the pipe ended before the listener answered")),
            Err(error) => return Err(error),
        }
    }
}

/// What it means that a file is not there, or that a pipe has no reader.
fn nobody_listens(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::BrokenPipe => {
            refused(&format!("there is no listener: {error}"))
        }
        _ if nobody_reads(&error) => refused(&format!("there is no listener: {error}")),
        _ => error,
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, why)
}
