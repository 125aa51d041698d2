//! Plug-ins of the user's, sound but for what a test changes in them.

use super::*;

/// An executor that does with each job what the test says.
pub(crate) struct Custom<F> {
    bound: usize,
    runs_in_place: bool,
    execute: F,
}

pub(crate) fn executor<F>(bound: usize, runs_in_place: bool, execute: F) -> Custom<F>
where
    F: Fn(Job) + Send + Sync + 'static,
{
    Custom { bound, runs_in_place, execute }
}

impl<F> Debug for Custom<F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("Custom")
    }
}

impl<F: Fn(Job) + Send + Sync + 'static> Executor for Custom<F> {
    fn execute(&self, job: Job) {
        (self.execute)(job);
    }

    fn bound(&self) -> usize {
        self.bound
    }

    fn runs_in_place(&self) -> bool {
        self.runs_in_place
    }
}

/// Jobs that were handed over and not run.
pub(crate) type Jobs = Arc<Mutex<Vec<Job>>>;

/// An executor that keeps every job, and runs none.
pub(crate) fn keeping_jobs(bound: usize, runs_in_place: bool) -> (impl Executor, Jobs) {
    let jobs = Jobs::default();
    let kept = Arc::clone(&jobs);
    (executor(bound, runs_in_place, move |job| kept.lock().unwrap().push(job)), jobs)
}

/// The native protocol, on a server whose handlers run on `executor`.
pub(crate) fn on(executor: impl Executor) -> Protocol<RawBytes> {
    Protocol::builder("native", RawBytes).handlers(executor).build().unwrap()
}

/// The native protocol, on a client whose callbacks run on `executor`.
pub(crate) fn calling_back_on(executor: impl Executor) -> Protocol<RawBytes> {
    Protocol::builder("native", RawBytes).callbacks(executor).build().unwrap()
}

/// Native packets of which some cannot be encoded: a payload of `fail` is an error, one of `panic` a panic.
#[derive(Debug, Default)]
pub(crate) struct Picky(NativePackets);

impl PacketCodec for Picky {
    fn decode(&self, input: &mut ReadBuffer) -> Result<Decoded, PacketError> {
        assert!(input.peek(1) != Some(b"!"), "told to");
        self.0.decode(input)
    }

    fn encode(&self, packet: &Packet, output: &mut WriteBuffer) -> Result<(), PacketError> {
        assert!(packet.payload.first() != "panic", "told to");
        if packet.payload.first() == "fail" {
            return Err(PacketError::Malformed("told to".to_owned()));
        }
        self.0.encode(packet, output)
    }

    fn capabilities(&self) -> PacketCapabilities {
        self.0.capabilities()
    }

    fn max_packet(&self) -> usize {
        self.0.max_packet()
    }

    fn buffers(&self) -> Arc<dyn BufferPool> {
        self.0.buffers()
    }
}

pub(crate) fn picky() -> Protocol<RawBytes> {
    in_packets(Picky::default())
}

/// The default timers, seen from outside; the one that is added as the `panics_at`th makes them panic.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watched {
    pub(crate) inner: Arc<Mutex<(HeapTimers, usize)>>,
    pub(crate) panics_at: Option<usize>,
}

impl Watched {
    pub(crate) fn added(&self) -> usize {
        self.inner.lock().unwrap().1
    }
}

impl Timers for Watched {
    fn add(&mut self, call: CallId, deadline: Instant) {
        let mut inner = self.inner.lock().unwrap();
        inner.1 += 1;
        let added = inner.1;
        if self.panics_at == Some(added) {
            drop(inner);
            panic!("the timer that was to panic");
        }
        inner.0.add(call, deadline);
    }

    fn remove(&mut self, call: CallId) {
        self.inner.lock().unwrap().0.remove(call);
    }

    fn next(&self) -> Option<Instant> {
        self.inner.lock().unwrap().0.next()
    }

    fn expired(&mut self, now: Instant) -> Option<CallId> {
        self.inner.lock().unwrap().0.expired(now)
    }

    fn len(&self) -> usize {
        self.inner.lock().unwrap().0.len()
    }
}
