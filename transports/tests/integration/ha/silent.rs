//! Members that accept and then say nothing: an open socket was taken for health, so that a client stayed with them.

use listenrain::Health;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;

/// What accepts at `channel://active` and does nothing else, until it is stopped.
struct Mute {
    accepted: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Mute {
    /// Holds each channel for `life`, without a word.
    async fn hold(context: &TestContext, life: Duration) -> Self {
        let mut listener = context.members.listen(&"channel://active".parse().unwrap()).await.unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        let task = tokio::spawn(async move {
            while let Ok(channel) = listener.next().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    tokio::time::sleep(life).await;
                    drop(channel);
                });
            }
        });
        Self { accepted, task }
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

const FOR_EVER: Duration = Duration::from_secs(1 << 30);
/// Within this a client notices a peer that is silent.
const NOTICED: Duration = Duration::from_secs(4);

fn client(context: &TestContext, lanes: usize) -> Client<RawBytes> {
    let backoff = Backoff::between(ms(10), ms(10)).down_after(u32::MAX).seeded(1);
    let builder = Client::builder(native()).backoff(backoff).health(Health::every(ms(1000), 3)).lanes(lanes);
    builder.dial(context.ha.dialer(&context.list).unwrap()).unwrap()
}

/// Asks once a second for so long; says how often it got no answer within a second.
async fn unanswered(client: &Client<RawBytes>, time: Duration) -> usize {
    let (until, mut unanswered) = (Instant::now() + time, 0);
    while Instant::now() < until {
        let asked = Instant::now();
        unanswered += usize::from(client.call_within("who".into(), ms(1000)).await.is_err());
        tokio::time::sleep_until(asked + ms(1000)).await;
    }
    unanswered
}

#[tokio::test(start_paused = true)]
async fn a_member_that_accepts_and_says_nothing_is_left_and_not_tried_first_after_the_next_loss() {
    for lanes in [1, 4] {
        let context = TestContext::new(FailBack::Lazy);
        let (mute, _standby) = (Mute::hold(&context, FOR_EVER).await, context.serve("standby").await);
        let client = client(&context, lanes);
        pass(NOTICED).await;
        assert_eq!(unanswered(&client, ms(1000)).await, 0, "{lanes} lanes");
        // It took three seconds to find out, so for three more it stands behind.
        context.members.control("standby").cut();
        pass(ms(500)).await;
        assert_eq!((ask(&client).await.as_str(), mute.accepted()), ("standby", lanes));
        assert_eq!(unanswered(&client, Duration::from_secs(60)).await, 0);
        assert_eq!(mute.accepted(), lanes);
        mute.task.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_closes_what_it_never_answered_is_left_however_long_it_took() {
    // Older than what counts as stable, each of its channels passed for a success.
    let context = TestContext::new(FailBack::Lazy);
    let (mute, _standby) = (Mute::hold(&context, ms(2000)).await, context.serve("standby").await);
    let client = client(&context, 1);
    pass(ms(2500)).await;
    assert_eq!(unanswered(&client, Duration::from_secs(60)).await, 0);
    assert_eq!(mute.accepted(), 1);
    mute.task.abort();
}

#[tokio::test(start_paused = true)]
async fn eager_goes_back_to_a_silent_member_only_once_it_has_said_something() {
    for lanes in [1, 4] {
        let context = TestContext::new(FailBack::Eager);
        let (mute, _standby) = (Mute::hold(&context, FOR_EVER).await, context.serve("standby").await);
        let client = client(&context, lanes);
        pass(NOTICED).await;
        // Half an hour without flapping, though it accepts whenever it is asked, which is not often.
        assert_eq!(unanswered(&client, Duration::from_secs(1800)).await, 0, "{lanes} lanes");
        let asked = mute.accepted() / lanes;
        assert!((100..=600).contains(&asked), "asked {asked} times in half an hour");
        mute.task.abort();
        pass(ms(1)).await;
        // A server that works speaks first, with a ping.
        let router = Router::new().fallback(|_: Request<Bytes>| async { Ok(Bytes::from("active")) });
        let listener = context.members.listen(&"channel://active".parse().unwrap()).await.unwrap();
        let builder = Server::builder(native(), router).health(Health::every(ms(1000), 3));
        let _active = builder.listen(listener).unwrap();
        pass(Duration::from_secs(40)).await;
        assert_eq!(ask(&client).await, "active");
        assert_eq!(context.members.control("standby").open_channels(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_asked_nothing_may_be_silent_where_the_protocol_cannot_ping() {
    // Each channel on which the client had sent nothing counted as a failure, and it wandered from one member to the other.
    let context = TestContext::new(FailBack::Lazy);
    let (mute, standby) = (Mute::hold(&context, FOR_EVER).await, context.serve("standby").await);
    let protocol = Protocol::builder("no pings", RawBytes).packets(listenrain::OriginalPackets::default());
    let protocol = protocol.build().unwrap();
    let builder = Client::builder(protocol).health(Health::every(ms(1000), 3).idle_within(ms(3000)));
    let _client = builder.dial(context.ha.dialer(&context.list).unwrap()).unwrap();
    pass(Duration::from_secs(60)).await;
    assert!(
        mute.accepted() > 10 && standby.counts().accepted == 0,
        "{} and {:?}",
        mute.accepted(),
        standby.counts()
    );
    mute.task.abort();
}
