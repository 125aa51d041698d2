//! The client: callers queue their requests; a task writes all that are queued together, and hands out replies in order.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use ::listenrain::buffer::ReadBuffer;
use ::listenrain::{Channel, ChannelRead};
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, yield_now};

use super::frames;
use super::writer::{Request, Writer};
use crate::drive::callers::{Call, Failure};

/// One channel and its callers. Dropping it ends the channel.
pub(super) struct Client {
    ends: Arc<Ends>,
    task: JoinHandle<()>,
}

/// What callers and the channel's task share.
struct Ends {
    /// Locked for moments only.
    queue: Mutex<Queue>,
    /// Locked for as long as a write takes.
    writer: Mutex<Writer>,
}

#[derive(Default)]
struct Queue {
    requests: Vec<Request>,
    /// The channel's task, where it may be waiting.
    task: Option<Waker>,
    /// Why no reply will come any more.
    ended: Option<String>,
}

impl Client {
    /// A client over `channel`, with a task of its own.
    pub(super) fn over(channel: Channel) -> Self {
        let Channel { read, write, .. } = channel;
        let ends = Arc::new(Ends { queue: Mutex::default(), writer: Mutex::new(Writer::new(write)) });
        let task = tokio::spawn(run(Arc::clone(&ends), read));
        Self { ends, task }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Call for Client {
    async fn call(&self, payload: Bytes) -> Result<Bytes, Failure> {
        let (caller, reply) = oneshot::channel();
        self.ends.request(Request { payload, caller });
        reply.await.map_err(|_| {
            let why = lock(&self.ends.queue).ended.clone().unwrap_or_default();
            Failure { kind: "channel", message: format!("the channel failed: {why}") }
        })
    }
}

impl Ends {
    /// Queues `request`, or drops it where the channel has ended.
    fn request(&self, request: Request) {
        let task = {
            let mut queue = lock(&self.queue);
            if queue.ended.is_some() {
                return;
            }
            queue.requests.push(request);
            queue.task.take()
        };
        // The caller that took it before has woken the task, or looks at the queue again.
        let Some(task) = task else { return };
        if self.write_in_place(&task) {
            let mut queue = lock(&self.queue);
            if queue.requests.is_empty() {
                queue.task = Some(task);
                return;
            }
        }
        task.wake();
    }

    /// Where the caller is alone, it writes its request itself, which saves a turn of the channel's task. Whether nothing is
    /// left for that one to do.
    fn write_in_place(&self, task: &Waker) -> bool {
        let Ok(mut writer) = self.writer.try_lock() else { return false };
        writer.is_alone() && {
            writer.take_in(&mut lock(&self.queue).requests);
            let written = writer.write(&mut Context::from_waker(task));
            written.is_ok() && writer.is_idle()
        }
    }

    /// Writes and reads once each; pending only when neither moved a byte. Whether a write left something.
    fn poll_move(
        &self,
        cx: &mut Context<'_>,
        read: &mut dyn ChannelRead,
        incoming: &mut ReadBuffer,
    ) -> Poll<io::Result<bool>> {
        let (written, has_more) = {
            let mut writer = lock(&self.writer);
            writer.take_in(&mut lock(&self.queue).requests);
            (writer.write(cx)?, !writer.is_idle())
        };
        match read.poll_read(cx, incoming)? {
            Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            Poll::Ready(_) => self.hand_out(incoming)?,
            Poll::Pending if written == 0 => {
                let mut queue = lock(&self.queue);
                if queue.requests.is_empty() {
                    queue.task.get_or_insert_with(|| cx.waker().clone());
                    return Poll::Pending;
                }
            }
            Poll::Pending => {}
        }
        Poll::Ready(Ok(written > 0 && has_more))
    }

    /// Gives each reply that has come as a whole to the caller whose turn it is.
    fn hand_out(&self, incoming: &mut ReadBuffer) -> io::Result<()> {
        let mut writer = lock(&self.writer);
        let mut replies = 0;
        while let Some(reply) = frames::take(incoming)? {
            writer.answered(reply)?;
            replies += 1;
        }
        writer.note_batch(replies);
        Ok(())
    }

    fn end(&self, why: &io::Error) {
        let mut queue = lock(&self.queue);
        queue.ended = Some(why.to_string());
        queue.requests.clear();
        drop(queue);
        lock(&self.writer).forget_callers();
    }
}

async fn run(ends: Arc<Ends>, mut read: Box<dyn ChannelRead>) {
    let mut incoming = ReadBuffer::default();
    loop {
        match poll_fn(|cx| ends.poll_move(cx, &mut *read, &mut incoming)).await {
            // The server drains the socket while the bytes are still in cache.
            Ok(true) => yield_now().await,
            Ok(false) => {}
            Err(why) => return ends.end(&why),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
