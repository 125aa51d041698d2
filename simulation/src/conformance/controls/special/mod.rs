//! Broken in what one transport alone promises: that transport, whose endpoints are changed on their way to it.

mod network;
#[cfg(unix)]
mod pipes;

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{
    BoxFuture, ChannelGenerator, ChannelRead, ChannelWrite, Endpoint, EndpointError, NextError, Transport,
};
use tokio::task::coop::unconstrained;

use self::network::{BelievesAnybody, OneFate, SendsEarlyData, TakesACutForAnEnd};
#[cfg(unix)]
use self::pipes::{BlocksOnOpening, NeverEnds, OpenRendezvous, OpensWhateverIsThere, TakesAPartForAll};
use super::Control;
use super::flaws::{ReadFlaw, WriteFlaw, flawed_read, flawed_write, upon, with_channels, with_channels_of};
use super::lists::{of_members, with_lists};
use crate::conformance::Subject;
use crate::layer::Layer;
use crate::lineup::subject;

pub(super) const CONTROLS: &[Control] = &[
    #[cfg(unix)]
    Control::new("removes-what-is-in-its-way", "I01", "listening removes any file at its path", || {
        with_endpoints("unix", |endpoint| {
            // Nothing may be there.
            let _ = std::fs::remove_file(endpoint.address());
            endpoint.clone()
        })
    })
    .fails(".sock: No such file or directory"),
    #[cfg(unix)]
    Control::new("open-to-everybody", "I02", "a socket's file has mode 0666, whatever was asked for", || {
        with_endpoints("unix", |endpoint| endpoint.clone().with_option("mode", "0666"))
    })
    .fails("gave a socket of mode 0666, expected 0600"),
    #[cfg(unix)]
    Control::new("cuts-long-paths", "I03", "of a path that is too long only the beginning is used", || {
        with_endpoints("unix", |endpoint| {
            let cut = endpoint.address().chars().take(100).collect::<String>();
            endpoint.clone().with_address(cut)
        })
    })
    .fails("bytes is not too long"),
    #[cfg(unix)]
    Control::new("makes-files-of-names", "I04", "an abstract name is a file below /tmp", || {
        with_endpoints("unix", |endpoint| {
            let path = endpoint.address().replace('@', "/tmp/");
            endpoint.clone().with_address(path)
        })
    })
    .fails("a dial by another program: Connection refused"),
    #[cfg(unix)]
    Control::new("blocks-on-opening", "I05", "a dial of a pipe that nobody reads blocks its thread", || {
        upon(subject("fifo"), BlocksOnOpening)
    })
    .fails("its thread was blocked: it took"),
    #[cfg(unix)]
    Control::new("never-ends", "I06", "a reader whose writer has gone waits for ever", || {
        with_channels_of(subject("fifo"), |_, channel| flawed_read(channel, NeverEnds))
    })
    .fails("the end of a channel whose writer has gone took longer than 3 s"),
    #[cfg(unix)]
    Control::new("takes-a-part-for-all", "I07", "what did not fit into a pipe is lost", || {
        with_channels_of(subject("fifo"), |_, channel| flawed_write(channel, TakesAPartForAll))
    })
    .fails("a write of 65537 bytes into a full pipe took longer than 3 s"),
    #[cfg(unix)]
    Control::new("opens-whatever-is-there", "I08", "a file among the pairs is emptied", || {
        upon(subject("fifo"), OpensWhateverIsThere)
    })
    .fails("a forged request has changed a file: []"),
    #[cfg(unix)]
    Control::new("open-rendezvous", "I09", "everybody may write into the rendezvous", || {
        upon(subject("fifo"), OpenRendezvous)
    })
    .fails("the rendezvous has mode 622"),
    Control::new("takes-a-cut-for-an-end", "I10", "a connection that is cut ends in an orderly way", || {
        with_channels_of(subject("tls"), |_, channel| flawed_read(channel, TakesACutForAnEnd))
    })
    .fails("a dialled end: an orderly end came after 1000 bytes where an error was due"),
    Control::new("believes-anybody", "I11", "a dialer believes whatever certificate is shown", || {
        upon(subject("tls"), BelievesAnybody::default())
    })
    .fails("a dial without anybody to believe gave a channel"),
    Control::new("ignores-nodelay", "I12", "small writes wait for acknowledgements", || {
        with_endpoints("tcp", |endpoint| endpoint.clone().with_option("nodelay", "false"))
    })
    .fails("it waits until the first is acknowledged"),
    Control::new("ignores-keepalive", "I13", "nobody is asked whether he is there", || {
        with_endpoints("tcp", |endpoint| without_option(endpoint, "keepalive"))
    })
    .fails("its timer is None, expected that of Some(77) seconds of keepalive"),
    Control::new(
        "never-reuses-an-address",
        "I14",
        "a port is taken as long as a connection dies there",
        || with_endpoints("tcp", |endpoint| endpoint.clone().with_option("reuse_address", "false")),
    )
    .fails("a port on which connections die: listen"),
    Control::new("never-yields", "I15", "a task that never has to wait never gives way", || {
        with_channels(|_, channel| flawed_write(flawed_read(channel, NeverYields), NeverYields))
    })
    .fails("another task got 1 turns while"),
    Control::new("one-fate", "I16", "when one channel is aborted all are reset", || {
        let fate = OneFate::default();
        with_channels_of(subject("quic"), move |_, channel| {
            flawed_write(flawed_read(channel, fate.clone()), fate.clone())
        })
    })
    .fails("a round trip on a channel beside others that have ended: an accepted end: reading failed"),
    Control::new("ignores-its-bound", "I17", "a connection carries as many channels as it likes", || {
        with_endpoints("quic", |endpoint| without_option(endpoint, "streams"))
    })
    .fails("a connection that is to carry two channels carries 5"),
    Control::new("patient-for-ever", "I18", "a peer that is silent counts as there for an hour", || {
        with_endpoints("quic", |endpoint| endpoint.clone().with_option("idle_timeout", "1h"))
    })
    .fails("noticing that the peer is silent took longer than 3 s"),
    Control::new("begins-at-the-end", "I19", "the members of a list are tried from its end", || {
        with_lists(|list| of_members(list, |members| members.reverse()))
    })
    .fails("of the members [0, 1, 2] that are alive, member 2 was dialled"),
    Control::new("sends-early-data", "I20", "a dial begins with 0-RTT data", || {
        upon(subject("quic"), SendsEarlyData)
    })
    .fails("a dialer has sent data before it had verified its listener (0-RTT)"),
];

/// The transport of this scheme, which gets each endpoint as `change` has left it.
fn with_endpoints(scheme: &str, change: impl Fn(&Endpoint) -> Endpoint + Send + Sync + 'static) -> Subject {
    upon(subject(scheme), Changed(change))
}

struct Changed<F>(F);

impl<F> std::fmt::Debug for Changed<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Changed")
    }
}

impl<F: Fn(&Endpoint) -> Endpoint + Send + Sync + 'static> Layer for Changed<F> {
    fn dialer(
        &self,
        below: &dyn Transport,
        endpoint: &Endpoint,
    ) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        below.dialer(&(self.0)(endpoint))
    }

    fn listen<'a>(
        &'a self,
        below: &'a dyn Transport,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        let endpoint = (self.0)(endpoint);
        Box::pin(async move { below.listen(&endpoint).await })
    }
}

fn without_option(endpoint: &Endpoint, left_out: &str) -> Endpoint {
    let bare = Endpoint::new(endpoint.scheme(), endpoint.address()).expect("it was parsed before");
    let kept = endpoint.options().filter(|(name, _)| *name != left_out);
    kept.fold(bare, |bare, (name, value)| bare.with_option(name, value))
}

/// Polls what is below as if its task had just begun its turn.
struct NeverYields;

impl ReadFlaw for NeverYields {
    fn read(
        &mut self,
        below: &mut dyn ChannelRead,
        cx: &mut Context<'_>,
        into: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        pin!(unconstrained(poll_fn(|cx| below.poll_read(cx, into)))).poll(cx)
    }
}

impl WriteFlaw for NeverYields {
    fn write(
        &mut self,
        below: &mut dyn ChannelWrite,
        cx: &mut Context<'_>,
        from: &mut WriteBuffer,
    ) -> Poll<io::Result<usize>> {
        pin!(unconstrained(poll_fn(|cx| below.poll_write(cx, from)))).poll(cx)
    }
}
