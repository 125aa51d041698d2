//! Halves of channels that do what a test says.

use super::*;

/// A call of one of a half's methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Read,
    Write,
    Flush,
    Shutdown,
    Abort,
}

/// A half that is asked for something only after the hook has said `Ok`.
struct Hooked<T, F>(T, F);

/// What a hook answers: go on, wait, or fail.
pub(crate) type Polled = Poll<io::Result<()>>;

/// A hook has no more to say: the half goes on.
pub(crate) const GO_ON: Polled = Poll::Ready(Ok(()));

impl<F: FnMut(Part, &mut Context<'_>) -> Polled + Send + 'static> ChannelRead
    for Hooked<Plain<ReadHalf<DuplexStream>>, F>
{
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
        ready!((self.1)(Part::Read, cx))?;
        self.0.poll_read(cx, into)
    }
}

impl<W: ChannelWrite, F: FnMut(Part, &mut Context<'_>) -> Polled + Send + 'static> ChannelWrite
    for Hooked<W, F>
{
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
        ready!((self.1)(Part::Write, cx))?;
        self.0.poll_write(cx, from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!((self.1)(Part::Flush, cx))?;
        self.0.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!((self.1)(Part::Shutdown, cx))?;
        self.0.poll_shutdown(cx)
    }

    fn abort(&mut self) {
        let _ = (self.1)(Part::Abort, &mut Context::from_waker(Waker::noop()));
    }
}

/// A channel over `io` each of whose halves asks a hook of its own first.
pub(crate) fn hooked<F>(io: DuplexStream, hook: F) -> Channel
where
    F: FnMut(Part, &mut Context<'_>) -> Polled + Clone + Send + 'static,
{
    let (read, write) = tokio::io::split(io);
    let (read, write) = (Hooked(Plain(read), hook.clone()), Hooked(Plain(write), hook));
    Channel::from_halves(read, write, ChannelFacts::new("test"))
}

/// A dialer each of whose channels asks new hooks first.
pub(crate) fn hooked_dialer<F>(
    net: &Net,
    mut hook: impl FnMut() -> F + Send + 'static,
) -> Box<dyn ChannelGenerator>
where
    F: FnMut(Part, &mut Context<'_>) -> Polled + Clone + Send + 'static,
{
    let net = net.clone();
    generator("test://net".parse().unwrap(), move || {
        let (net, hook) = (net.clone(), hook());
        async move { Ok(hooked(net.raw().await, hook)) }
    })
}

/// A channel that reads what `read` pushes, and takes everything when the hook lets it.
pub(crate) fn source<R, W>(read: R, hook: W) -> Channel
where
    R: FnMut(&mut Context<'_>, &mut ReadBuffer) -> Poll<io::Result<usize>> + Send + 'static,
    W: FnMut(&mut Context<'_>, usize) -> Polled + Send + 'static,
{
    struct Read<R>(R);
    struct Sink<W>(W);

    impl<R> ChannelRead for Read<R>
    where
        R: FnMut(&mut Context<'_>, &mut ReadBuffer) -> Poll<io::Result<usize>> + Send + 'static,
    {
        fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuffer) -> Poll<io::Result<usize>> {
            (self.0)(cx, into)
        }
    }

    impl<W: FnMut(&mut Context<'_>, usize) -> Polled + Send + 'static> ChannelWrite for Sink<W> {
        fn poll_write(&mut self, cx: &mut Context<'_>, from: &mut WriteBuffer) -> Poll<io::Result<usize>> {
            let taken = from.len();
            ready!((self.0)(cx, taken))?;
            from.clear();
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            GO_ON
        }

        fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            GO_ON
        }
    }

    Channel::from_halves(Read(read), Sink(hook), ChannelFacts::new("source"))
}

/// A listener that accepts these channels, the last one first, and no others.
pub(crate) fn accepting(mut channels: Vec<Channel>) -> Box<dyn ChannelGenerator> {
    generator("halves://here".parse().unwrap(), move || {
        let next = channels.pop();
        async move { if let Some(channel) = next { Ok(channel) } else { std::future::pending().await } }
    })
}
