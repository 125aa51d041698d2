//! Broken in what only named pipes promise.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use bytes::Buf;
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{
    BoxFuture, Channel, ChannelGenerator, ChannelRead, ChannelWrite, Endpoint, NextError, Transport,
};

use super::super::flaws::{ReadFlaw, WriteFlaw};
use crate::layer::{Layer, Side};

type Next<'a> = BoxFuture<'a, Result<Channel, NextError>>;
type Listening<'a> = BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>>;

/// A dial that nobody reads blocks its thread.
#[derive(Debug)]
pub(super) struct BlocksOnOpening;

impl Layer for BlocksOnOpening {
    fn next<'a>(&'a self, side: Side, below: &'a mut dyn ChannelGenerator) -> Next<'a> {
        Box::pin(async move {
            let next = below.next().await;
            if side == Side::Dialer && next.is_err() {
                thread::sleep(Duration::from_millis(3200));
            }
            next
        })
    }
}

/// Waits for ever where the end is.
pub(super) struct NeverEnds;

impl ReadFlaw for NeverEnds {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        match ready!(below.poll_read(cx, into)) {
            Ok(0) => Poll::Pending,
            read => Poll::Ready(read),
        }
    }
}

/// Takes a write for done as soon as its beginning is.
pub(super) struct TakesAPartForAll;

impl WriteFlaw for TakesAPartForAll {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        let count = from.len();
        ready!(below.poll_write(cx, from))?;
        from.advance(from.len());
        Poll::Ready(Ok(count))
    }
}

fn pairs(rendezvous: &Endpoint) -> String {
    format!("{}.pairs", rendezvous.address())
}

/// Empties every regular file among the pairs before it accepts.
#[derive(Debug)]
pub(super) struct OpensWhateverIsThere;

impl Layer for OpensWhateverIsThere {
    fn next<'a>(&'a self, _side: Side, below: &'a mut dyn ChannelGenerator) -> Next<'a> {
        for entry in fs::read_dir(pairs(below.endpoint())).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                // It is there, so it can be opened.
                let _ = fs::File::create(entry.path());
            }
        }
        below.next()
    }
}

/// Everybody may write into a rendezvous.
#[derive(Debug)]
pub(super) struct OpenRendezvous;

impl Layer for OpenRendezvous {
    fn listen<'a>(&'a self, below: &'a dyn Transport, endpoint: &'a Endpoint) -> Listening<'a> {
        Box::pin(async {
            let listener = below.listen(endpoint).await?;
            let everybody = fs::Permissions::from_mode(0o622);
            // It was made a moment ago.
            let _ = fs::set_permissions(Path::new(listener.endpoint().address()), everybody);
            Ok(listener)
        })
    }
}
