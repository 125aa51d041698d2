//! Other clients: some never read, some do nothing.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::time::Duration;

use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{Channel, Endpoint, Kind, Packet, PacketCodec};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Extra, Situation};
use crate::network::Node;
use crate::stack::bodies::{Asked, Task, request};

/// A guest wrote until nothing more was taken of it.
pub(super) const DEAF: Situation = Situation::Seen("clients that do not read, with no room for more");
/// A guest was given a channel.
pub(super) const GUEST: Situation = Situation::Seen("channels that others hold");

/// Numbers of requests that belong to no call.
const NUMBERS: u64 = 1 << 48;
/// What is asked for on one channel, which is more than a channel holds; but there are networks that hold anything.
const ASKS: u64 = 150;
const REQUEST: usize = 2 << 10;
const REPLY: usize = 20 << 10;
/// Until when guests stay.
pub(crate) const GUESTS_STAY: Duration = Duration::from_millis(1500);
/// How long after a channel that is lost, or is not to be had, the next is dialled.
const REST: Duration = Duration::from_millis(20);

/// Starts those of `extra` beside the client at `node`, in tasks of `beside`. They leave when all is healed.
pub(super) fn start(
    extra: Extra,
    node: &Node,
    server: &Endpoint,
    packets: &Arc<dyn PacketCodec>,
    beside: &mut JoinSet<()>,
) {
    let (count, until, is_deaf) = match extra {
        Extra::DeafClients(count) => (count, node.context.plan().heal(), true),
        Extra::Guests(count) => (count, GUESTS_STAY, false),
        _ => return,
    };
    for _ in 0..count {
        let (node, server, packets) = (node.clone(), server.clone(), packets.clone());
        beside.spawn(async move {
            let stays = until.saturating_sub(node.context.now());
            let _ = timeout(stays, again_and_again(&node, &server, &*packets, is_deaf)).await;
        });
    }
}

async fn again_and_again(node: &Node, server: &Endpoint, packets: &dyn PacketCodec, is_deaf: bool) {
    let Ok(mut dialer) = node.bare.dialer(server) else { return };
    loop {
        if let Ok(channel) = dialer.next().await {
            match is_deaf {
                true => ask_for_ever(node, channel, packets).await,
                false => stay(node, channel).await,
            }
        }
        sleep(REST).await;
    }
}

/// Asks for one reply after the other, and reads none, until it is thrown out. One that could write all stays.
async fn ask_for_ever(node: &Node, mut channel: Channel, packets: &dyn PacketCodec) {
    let mut out = WriteBuffer::default();
    for number in NUMBERS..NUMBERS + ASKS {
        let asked = Asked { number, reply: REPLY, task: Task::Answer };
        if packets.encode(&Packet::new(Kind::Request, number, request(&asked, REQUEST)), &mut out).is_err() {
            return pending().await;
        }
        while !out.is_empty() {
            let mut is_blocked = false;
            let taken = poll_fn(|cx| {
                let polled = channel.write.poll_write(cx, &mut out);
                is_blocked |= polled.is_pending();
                polled
            });
            if taken.await.is_err() {
                return;
            }
            if is_blocked {
                node.context.situation(DEAF);
            }
        }
        if poll_fn(|cx| channel.write.poll_flush(cx)).await.is_err() {
            return;
        }
    }
    pending().await
}

/// Says nothing, until the channel ends.
async fn stay(node: &Node, mut channel: Channel) {
    node.context.situation(GUEST);
    let mut heard = ReadBuffer::default();
    while let Ok(1..) = poll_fn(|cx| channel.read.poll_read(cx, &mut heard)).await {
        heard.skip(heard.len());
    }
}
