//! Members that fail in every way, and listening at a list.

use super::*;

#[tokio::test(start_paused = true)]
async fn when_no_member_answers_one_error_names_each() {
    let context = TestContext::new(FailBack::Lazy);
    let mut dialer = context.ha.dialer(&context.list).unwrap();
    let error = dialer.next().await.unwrap_err();
    assert_eq!((error.kind, error.is_final), (ErrorKind::ConnectionRefused, false));
    assert_eq!(error.endpoint, context.list.to_string());
    let source = error.source.unwrap();
    let all = all_failed(&*source);
    assert_eq!(
        all.members.iter().map(|error| error.endpoint.as_str()).collect::<Vec<_>>(),
        ["channel://active", "channel://standby"]
    );
    let text = source.to_string();
    assert!(text.contains("channel://active: connection refused: the name has no listener"), "{text}");
}

fn all_failed<'a>(source: &'a (dyn Error + 'static)) -> &'a AllFailed {
    let error = source.downcast_ref::<io::Error>().unwrap();
    error.get_ref().unwrap().downcast_ref().unwrap()
}

/// A dialer that cannot be forked.
struct Unforked(Box<dyn ChannelGenerator>);

impl ChannelGenerator for Unforked {
    fn next(&mut self) -> BoxFuture<'_, Result<Channel, NextError>> {
        self.0.next()
    }

    fn endpoint(&self) -> &Endpoint {
        self.0.endpoint()
    }
}

/// Dials that never end, or fail for good; counts them. Dialers of the scheme `alone` cannot be forked.
#[derive(Debug, Clone)]
struct Odd {
    scheme: &'static str,
    fails: bool,
    dials: Arc<AtomicUsize>,
}

impl Odd {
    fn new(scheme: &'static str, fails: bool) -> Self {
        Self { scheme, fails, dials: Arc::default() }
    }

    fn dials(&self) -> usize {
        self.dials.load(Ordering::Relaxed)
    }
}

impl Transport for Odd {
    fn scheme(&self) -> &str {
        self.scheme
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn dialer(&self, endpoint: &Endpoint) -> Result<Box<dyn ChannelGenerator>, EndpointError> {
        let (this, at) = (self.clone(), endpoint.clone());
        let dialer = generator(endpoint.clone(), move || {
            this.dials.fetch_add(1, Ordering::Relaxed);
            let (fails, at) = (this.fails, at.clone());
            async move {
                if fails {
                    return Err(NextError::lasting("dial", &at, ErrorKind::Unsupported.into()));
                }
                std::future::pending().await
            }
        });
        Ok(if self.scheme == "alone" { Box::new(Unforked(dialer)) } else { dialer })
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn ChannelGenerator>, NextError>> {
        Box::pin(async { self.dialer(endpoint).map_err(|error| NextError::invalid("listen", error)) })
    }

    fn scratch_endpoint(&self) -> Endpoint {
        Endpoint::new(self.scheme, "x").unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_member_costs_its_attempt_and_then_stands_behind() {
    let (silent, members) = (Odd::new("silent", false), InProcess::default());
    let ha = ActiveStandby::new(registry([Arc::new(silent.clone()), Arc::new(members.clone())]));
    let _listener = members.listen(&"channel://standby".parse().unwrap()).await.unwrap();
    let list = "ha:attempt_timeout=300ms,silent://x,channel://standby".parse().unwrap();
    let mut dialer = ha.dialer(&list).unwrap();
    let mut open = Vec::new();
    for expected in [ms(300), ms(0)] {
        let begun = tokio::time::Instant::now();
        open.push(dialer.next().await.unwrap());
        assert_eq!((peer(&open[open.len() - 1]), begun.elapsed()), ("standby", expected));
    }
    assert_eq!(silent.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn forks_dial_side_by_side_and_share_what_they_learn() {
    let (silent, members) = (Odd::new("silent", false), InProcess::default());
    let ha = ActiveStandby::new(registry([Arc::new(silent.clone()), Arc::new(members.clone())]));
    let _listener = members.listen(&"channel://standby".parse().unwrap()).await.unwrap();
    let list = "ha:attempt_timeout=300ms,silent://x,channel://standby".parse().unwrap();
    let dialer = ha.dialer(&list).unwrap();
    let mut forks: Vec<_> = (0..8).map(|_| dialer.fork().unwrap()).collect();
    let mut open = Vec::new();
    for (expected, dials) in [(ms(300), 8), (ms(0), 8)] {
        let begun = tokio::time::Instant::now();
        let dialled = futures_util::future::join_all(forks.iter_mut().map(|fork| fork.next())).await;
        open.extend(dialled.into_iter().map(Result::unwrap));
        assert_eq!((begun.elapsed(), silent.dials()), (expected, dials));
    }
    assert!(open.iter().all(|channel| peer(channel) == "standby"));
    let mut late = dialer.fork().unwrap();
    late.next().await.unwrap();
    assert_eq!(silent.dials(), 8, "a fork that is new knows it too");
}

#[test]
fn a_list_cannot_be_forked_where_a_member_cannot() {
    // Channels of two dialers of such a member might share less than those of one.
    let ha =
        ActiveStandby::new(registry([Arc::new(Odd::new("alone", true)), Arc::new(InProcess::default())]));
    assert!(ha.dialer(&"ha:channel://a,channel://b".parse().unwrap()).unwrap().fork().is_some());
    assert!(ha.dialer(&"ha:channel://a,alone://b".parse().unwrap()).unwrap().fork().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_over_is_not_asked_again_and_a_list_of_them_is_over() {
    let (first, second) = (Odd::new("first", true), Odd::new("second", true));
    let ha = ActiveStandby::new(registry([Arc::new(first.clone()), Arc::new(second.clone())]));
    let mut dialer = ha.dialer(&"ha:first://x,second://x".parse().unwrap()).unwrap();
    for _ in 0..3 {
        let error = dialer.next().await.unwrap_err();
        assert_eq!((error.kind, error.is_final), (ErrorKind::Unsupported, true));
        assert_eq!(all_failed(&*error.source.unwrap()).members.len(), 2);
    }
    assert_eq!((first.dials(), second.dials()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_list_in_trouble_is_dialled_no_more_often_than_the_connection_wants() {
    // LR17: once every endpoint was flagged, the generator spun for ever on a whole core.
    let silent = Odd::new("silent", false);
    let ha = ActiveStandby::new(registry([Arc::new(silent.clone())]));
    let list = "ha:attempt_timeout=1ms,fail_back=eager,silent://x,silent://y,silent://z".parse().unwrap();
    let backoff = Backoff::between(ms(1000), ms(1000)).down_after(u32::MAX);
    let _client = Client::builder(native()).backoff(backoff).dial(ha.dialer(&list).unwrap()).unwrap();
    pass(Duration::from_secs(60)).await;
    let rounds = silent.dials() / 3;
    assert!((60..=120).contains(&rounds), "{rounds} rounds in a minute, a second or half of it apart");
}

#[test]
fn a_list_that_makes_no_sense_says_what_is_wrong_with_it() {
    let ha = listenrain_transports::all().get("ha").unwrap().clone();
    let crowd: Vec<_> = (0..65).map(|port| format!("tcp://h:{port}")).collect();
    for (text, why) in [
        ("ha:", "no members"),
        ("ha:fail_back=lazy,", "no members"),
        ("ha://tcp:1", "is no list"),
        ("ha:tcp://a:1,tcp://a:1", "`tcp://a:1` stands there twice"),
        ("ha:tcp://a:1,TCP://a:1", "`tcp://a:1` stands there twice"),
        ("ha:ha:tcp://a:1", "no transport has scheme `ha`"),
        ("ha:tcp://a:1,pigeon://roof", "no transport has scheme `pigeon`; there are: tcp"),
        ("ha:tcp://a", "member `tcp://a`: has no port"),
        ("ha:tcp://a:1,nonsense", "member `nonsense`"),
        ("ha:tcp://a:1,,tcp://b:1", "member ``"),
        ("ha:fail_back=soon,tcp://a:1", "eager, lazy, never"),
        ("ha:longest_wait=0s,tcp://a:1", "1ms to 24h"),
        ("ha:nodelay=false,tcp://a:1", "there is no option `nodelay`"),
        ("ha:tcp://a:1?colour=red", "there is no option `colour`"),
        (&format!("ha:{}", crowd.join(",")), "has 65 members, the limit is 64"),
    ] {
        let endpoint: Endpoint = text.parse().unwrap();
        let error = ha.dialer(&endpoint).err().unwrap_or_else(|| panic!("{text} is dialled"));
        assert!(error.why.contains(why) && error.endpoint == endpoint.to_string(), "{text}: {error}");
    }
}

#[tokio::test]
async fn listening_at_a_list_is_listening_at_every_member() {
    let context = TestContext::new(FailBack::Lazy);
    let mut listener = context.ha.listen(&context.list).await.unwrap();
    assert_eq!(*listener.endpoint(), context.list);
    let mut dialers = ["active", "standby"]
        .map(|name| context.members.dialer(&Endpoint::new("channel", name).unwrap()).unwrap());
    // Two wait at the first member, one at the other: it has its turn before the second.
    let _near = [
        dialers[0].next().await.unwrap(),
        dialers[0].next().await.unwrap(),
        dialers[1].next().await.unwrap(),
    ];
    let mut accepted = Vec::new();
    for _ in 0..3 {
        accepted.push(listener.next().await.unwrap().facts.local.unwrap().address().to_owned());
    }
    assert_eq!(accepted, ["active", "standby", "active"]);
    drop(listener);
    assert!(dialers[1].next().await.is_err(), "every member is let go of");
}

#[tokio::test]
async fn a_list_is_listened_at_as_a_whole_or_not_at_all() {
    let context = TestContext::new(FailBack::Lazy);
    let taken: Endpoint = "channel://standby".parse().unwrap();
    let _taken = context.members.listen(&taken).await.unwrap();
    let error = context.ha.listen(&context.list).await.err().unwrap();
    assert_eq!((error.kind, error.endpoint.as_str()), (ErrorKind::AddrInUse, "channel://standby"));
    context.members.listen(&"channel://active".parse().unwrap()).await.unwrap();
}

#[tokio::test]
async fn ports_that_the_system_chose_stand_in_the_lists_real_endpoint() {
    let ha = ActiveStandby::new(registry([Arc::new(Tcp::default()), Arc::new(InProcess::default())]));
    let asked = "ha:fail_back=never,tcp://127.0.0.1:0,channel://".parse().unwrap();
    let (mut listener, mut dialer) = at(&ha, &asked).await;
    let members = listener.endpoint().members().unwrap();
    assert!(!members[0].address().ends_with(":0") && !members[1].address().is_empty());
    assert!(listener.endpoint().to_string().starts_with("ha:fail_back=never,tcp://127.0.0.1:"));
    watched(connect(&mut *listener, &mut *dialer)).await;
}
