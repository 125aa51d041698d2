//! A place to dial and listen at, in memory.

use super::wire;
use super::*;

/// Channels between its dialers and its newest listener. Cloning it gives the same place.
#[derive(Debug, Clone)]
pub(crate) struct Net(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    place: Place,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Clone)]
struct Place {
    listener: Arc<Mutex<Option<mpsc::UnboundedSender<Accepted>>>>,
    capacity: usize,
    endpoint: Endpoint,
    id: Option<TransportId>,
}

/// The end of a stream for the listener, and what it says of its peer.
pub(crate) type Accepted = (DuplexStream, ChannelFacts);

#[derive(Debug, Default)]
struct State {
    lines: Vec<Arc<Faults>>,
    dials: Vec<Instant>,
    is_hanging: bool,
    /// Dials that still succeed.
    left: Option<usize>,
    is_over: bool,
    cut_after: Option<usize>,
}

impl Net {
    pub(crate) fn new() -> Self {
        Self::holding(1 << 20)
    }

    /// Each direction of each channel holds `capacity` bytes that were not read.
    pub(crate) fn holding(capacity: usize) -> Self {
        let endpoint = "test://net".parse().unwrap();
        Self::at(Place { listener: Arc::default(), capacity, endpoint, id: Some(TransportId::new()) })
    }

    fn at(place: Place) -> Self {
        Self(Arc::new(Inner { place, state: Mutex::default(), changed: Notify::new() }))
    }

    /// The same, not told apart from other transports.
    pub(crate) fn without_id(mut self) -> Self {
        Arc::get_mut(&mut self.0).expect("not in use yet").place.id = None;
        self
    }

    /// Another way to the same listener, whose channels and dials fail by themselves.
    pub(crate) fn beside(&self) -> Self {
        Self::at(self.0.place.clone())
    }

    /// A server of these settings that listens here.
    pub(crate) fn serve<M: MessageCodec>(&self, builder: ServerBuilder<M>) -> Server {
        builder.listen(self.listener()).unwrap()
    }

    /// A client of these settings that dials here.
    pub(crate) fn dial<M: MessageCodec>(&self, builder: ClientBuilder<M>) -> Client<M> {
        builder.dial(self.dialer()).unwrap()
    }

    /// As [`Net::peer`], from this address.
    pub(crate) async fn peer_at(&self, address: &str) -> Peer {
        let peer = format!("test://{address}").parse().unwrap();
        Peer::new(self.raw_with(ChannelFacts::new("test").between(None, Some(peer))).await)
    }

    /// Somebody who is connected to the server here, and whom the test plays by hand.
    pub(crate) async fn peer(&self) -> Peer {
        Peer::new(self.raw().await)
    }

    pub(crate) fn dialer(&self) -> Box<dyn ChannelGenerator> {
        Box::new(Dialer(self.clone()))
    }

    /// A dialer each of whose channels is changed before it is given.
    pub(crate) fn dialer_with(
        &self,
        change: impl Fn(Channel) -> Channel + Clone + Send + 'static,
    ) -> Box<dyn ChannelGenerator> {
        let net = self.clone();
        generator(self.0.place.endpoint.clone(), move || {
            let (mut dialer, change) = (net.dialer(), change.clone());
            async move { dialer.next().await.map(change) }
        })
    }

    /// A dialer that passes on how each of its channels has ended.
    pub(crate) fn dialer_with_ends(&self) -> (Box<dyn ChannelGenerator>, UnboundedReceiver<ChannelEnd>) {
        let (sender, ends) = unbounded_channel();
        let dialer = self.dialer_with(move |channel| {
            let sender = sender.clone();
            channel.on_end(move |end| drop(sender.send(end.clone())))
        });
        (dialer, ends)
    }

    pub(crate) fn listener(&self) -> Box<dyn ChannelGenerator> {
        let endpoint = self.0.place.endpoint.clone();
        Box::new(Listener(self.open(), endpoint))
    }

    /// The accepted ends, to be played by hand.
    pub(crate) fn peers(&self) -> Peers {
        Peers(self.open())
    }

    fn open(&self) -> mpsc::UnboundedReceiver<Accepted> {
        let (sender, receiver) = unbounded_channel();
        *self.0.place.listener.lock().unwrap() = Some(sender);
        receiver
    }

    /// A dialled stream without a client, already accepted.
    pub(crate) async fn raw(&self) -> DuplexStream {
        self.raw_with(ChannelFacts::new("test")).await
    }

    async fn raw_with(&self, facts: ChannelFacts) -> DuplexStream {
        let (near, far) = tokio::io::duplex(self.0.place.capacity);
        let listener = self.0.place.listener.lock().unwrap().clone();
        listener.expect("somebody listens").send((far, facts)).expect("somebody listens");
        super::settle().await;
        near
    }

    /// How often somebody dialled.
    pub(crate) fn dials(&self) -> usize {
        self.dialled_at().len()
    }

    /// When somebody dialled.
    pub(crate) fn dialled_at(&self) -> Vec<Instant> {
        self.0.state.lock().unwrap().dials.clone()
    }

    /// Dials wait from now on, or go on.
    pub(crate) fn hang(&self, is_hanging: bool) {
        self.change(|state| state.is_hanging = is_hanging);
    }

    /// After `dials` more, dials are refused.
    pub(crate) fn refuse_after(&self, dials: usize) {
        self.change(|state| state.left = Some(dials));
    }

    /// Dials fail for good from now on, or no longer.
    pub(crate) fn end_dialling(&self, is_over: bool) {
        self.change(|state| state.is_over = is_over);
    }

    /// The next channel is cut after `bytes` bytes from its dialling side.
    pub(crate) fn cut_next_after(&self, bytes: usize) {
        self.change(|state| state.cut_after = Some(bytes));
    }

    /// The dialling side of the `at`th channel.
    pub(crate) fn line(&self, at: usize) -> Arc<Faults> {
        Arc::clone(&self.0.state.lock().unwrap().lines[at])
    }

    /// Cuts every channel there is.
    pub(crate) fn cut(&self) {
        let lines = self.0.state.lock().unwrap().lines.clone();
        lines.iter().for_each(|line| line.cut());
    }

    /// Channels whose dialling side is not dropped.
    pub(crate) fn open_lines(&self) -> usize {
        let state = self.0.state.lock().unwrap();
        state.lines.iter().filter(|line| Arc::strong_count(line) > 1).count()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.state.lock().unwrap());
        self.0.changed.notify_waiters();
    }

    fn open_line(&self) -> Result<Channel, NextError> {
        let mut state = self.0.state.lock().unwrap();
        let refused =
            || NextError::passing("dial", &self.0.place.endpoint, io::ErrorKind::ConnectionRefused.into());
        if state.is_over {
            let over = io::ErrorKind::Unsupported.into();
            return Err(NextError::lasting("dial", &self.0.place.endpoint, over));
        }
        if let Some(left) = &mut state.left {
            *left = left.checked_sub(1).ok_or_else(refused)?;
        }
        let (near, far) = tokio::io::duplex(self.0.place.capacity);
        let listener = self.0.place.listener.lock().unwrap().clone().ok_or_else(refused)?;
        listener.send((far, ChannelFacts::new("test"))).map_err(|_| refused())?;
        let faults = Arc::new(Faults::default());
        if let Some(bytes) = state.cut_after.take() {
            faults.cut_after(bytes);
        }
        state.lines.push(Arc::clone(&faults));
        Ok(wire::channel(near, &faults))
    }

    async fn until_dialling_goes_on(&self) {
        loop {
            let changed = self.0.changed.notified();
            if !self.0.state.lock().unwrap().is_hanging {
                return;
            }
            changed.await;
        }
    }
}

struct Dialer(Net);
struct Listener(mpsc::UnboundedReceiver<Accepted>, Endpoint);

impl ChannelGenerator for Dialer {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            self.0.0.state.lock().unwrap().dials.push(Instant::now());
            self.0.until_dialling_goes_on().await;
            self.0.open_line()
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.0.0.place.endpoint
    }
}

impl ChannelGenerator for Listener {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        Box::pin(async {
            match self.0.recv().await {
                Some((io, facts)) => Ok(Channel::from_io(io, facts)),
                None => std::future::pending().await,
            }
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.1
    }
}

impl Transport for Net {
    fn scheme(&self) -> &str {
        "test"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn dialer(&self, _: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        Ok(self.dialer())
    }

    fn listen<'a>(&'a self, _: &'a Endpoint) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        Box::pin(async { Ok(self.listener()) })
    }

    fn scratch_endpoint(&self) -> Endpoint {
        self.0.place.endpoint.clone()
    }

    fn id(&self) -> Option<TransportId> {
        self.0.place.id.clone()
    }
}

impl Peers {
    pub(crate) async fn next(&mut self) -> Peer {
        Peer::new(self.0.recv().await.expect("somebody dials").0)
    }
}
