//! Active/standby over channels in memory, with time paused: who is dialled when, and what is lost on the way (nothing).

mod members;
mod silent;

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::calls::native;
use crate::support::*;
use listenrain::transport::generator;
use listenrain::{
    Backoff, BoxFuture, Capabilities, Client, EndpointError, Protocol, RawBytes, Request, Router, Server,
};
use listenrain_transports::ha::{AllFailed, FailBack, HaOptions};
use listenrain_transports::{ActiveStandby, InProcess, Registry, Tcp};

/// Two members, `channel://active` and `channel://standby`, whose servers answer with their own names.
struct TestContext {
    members: InProcess,
    ha: ActiveStandby,
    list: Endpoint,
}

impl TestContext {
    fn new(fail_back: FailBack) -> Self {
        let members = InProcess::default();
        let options = HaOptions::default().fail_back(fail_back).seeded(1);
        let ha = ActiveStandby::new(registry([Arc::new(members.clone())])).with_options(options).unwrap();
        Self { members, ha, list: "ha:channel://active,channel://standby".parse().unwrap() }
    }

    async fn serve(&self, name: &'static str) -> Server {
        let endpoint = Endpoint::new("channel", name).unwrap();
        Server::builder(native(), router(name)).listen(self.members.listen(&endpoint).await.unwrap()).unwrap()
    }

    fn client(&self) -> Client<RawBytes> {
        let backoff = Backoff::between(ms(10), ms(10)).down_after(u32::MAX).seeded(1);
        Client::builder(native()).backoff(backoff).dial(self.ha.dialer(&self.list).unwrap()).unwrap()
    }
}

/// Answers with its name.
fn router(name: &'static str) -> Router<RawBytes> {
    Router::new().fallback(move |request: Request<Bytes>| async move {
        if request.message == "slow" {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        Ok(Bytes::from(name))
    })
}

fn registry<const N: usize>(transports: [Arc<dyn Transport>; N]) -> Registry {
    let mut registry = Registry::new();
    transports.into_iter().for_each(|transport| registry.register(transport).unwrap());
    registry
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Who answers.
async fn ask(client: &Client<RawBytes>) -> String {
    String::from_utf8(client.call("who".into()).await.unwrap().to_vec()).unwrap()
}

/// Where a channel leads to.
fn peer(channel: &Channel) -> &str {
    channel.facts.peer.as_ref().unwrap().address()
}

/// Lets time pass and everything happen that is due in it.
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test(start_paused = true)]
async fn the_active_member_is_used_while_it_answers_and_then_the_standby() {
    // LR16: the first dial error was returned instead of trying the rest.
    let context = TestContext::new(FailBack::Lazy);
    let (active, _standby) = (context.serve("active").await, context.serve("standby").await);
    let client = context.client();
    assert_eq!(ask(&client).await, "active");
    drop(active);
    pass(ms(100)).await;
    assert_eq!(ask(&client).await, "standby");
    assert_eq!(client.counts().failed_dials, 0, "one dial tries them all");
}

#[tokio::test(start_paused = true)]
async fn a_standby_serves_when_the_active_member_is_down_from_the_start() {
    // LR16: each retry built a new generator that stood at the active member.
    let context = TestContext::new(FailBack::Lazy);
    let _standby = context.serve("standby").await;
    let client = context.client();
    assert_eq!(ask(&client).await, "standby");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_down_as_a_whole_recovers_with_whichever_member_returns() {
    // LR16, LR17: a member that was flagged once stayed so, and a list of flagged ones was the end.
    let context = TestContext::new(FailBack::Lazy);
    let client = context.client();
    pass(ms(3000)).await;
    let standby = context.serve("standby").await;
    assert_eq!(ask(&client).await, "standby");
    drop(standby);
    pass(ms(3000)).await;
    let _active = context.serve("active").await;
    assert_eq!(ask(&client).await, "active");
}

#[tokio::test(start_paused = true)]
async fn lazy_goes_back_at_the_next_dial_and_no_sooner() {
    let context = TestContext::new(FailBack::Lazy);
    let standby = context.serve("standby").await;
    let client = context.client();
    assert_eq!(ask(&client).await, "standby");
    let _active = context.serve("active").await;
    pass(Duration::from_secs(60)).await;
    assert_eq!(ask(&client).await, "standby");
    context.members.control("standby").cut();
    pass(ms(100)).await;
    assert_eq!(ask(&client).await, "active");
    drop(standby);
}

#[tokio::test(start_paused = true)]
async fn never_stays_with_the_one_that_worked_last() {
    let context = TestContext::new(FailBack::Never);
    let standby = context.serve("standby").await;
    let client = context.client();
    assert_eq!(ask(&client).await, "standby");
    let active = context.serve("active").await;
    pass(Duration::from_secs(60)).await;
    context.members.control("standby").cut();
    pass(ms(100)).await;
    assert_eq!(ask(&client).await, "standby");
    drop(standby);
    pass(ms(100)).await;
    assert_eq!(ask(&client).await, "active");
    let _standby = context.serve("standby").await;
    drop(active);
    pass(ms(100)).await;
    assert_eq!(ask(&client).await, "standby");
}

#[tokio::test(start_paused = true)]
async fn eager_goes_back_when_the_active_member_returns_and_loses_no_call() {
    let context = TestContext::new(FailBack::Eager);
    let _standby = context.serve("standby").await;
    let client = context.client();
    assert_eq!(ask(&client).await, "standby");
    pass(Duration::from_secs(30)).await;
    let slow = tokio::spawn({
        let client = client.clone();
        async move { client.call_within("slow".into(), Duration::from_secs(60)).await }
    });
    pass(ms(1)).await;
    let _active = context.serve("active").await;
    // The longest wait for the next try is ten seconds.
    let mut asked = 0;
    while ask(&client).await != "active" {
        asked += 1;
        assert!(asked < 11_000, "still on the standby");
        pass(ms(1)).await;
    }
    assert_eq!(slow.await.unwrap().unwrap(), "standby", "it finishes where it was");
    pass(ms(100)).await;
    assert_eq!(context.members.control("standby").open_channels(), 0);
    assert_eq!(client.counts().timeouts, 0);
}

#[tokio::test(start_paused = true)]
async fn one_outage_is_one_however_many_lanes_have_noticed_it() {
    // Each lane's failed probe doubled the wait, so that sixteen of them were back only after ten seconds.
    let context = TestContext::new(FailBack::Eager);
    let _standby = context.serve("standby").await;
    let dialer = context.ha.dialer(&context.list).unwrap();
    let client = Client::builder(native()).lanes(16).dial(dialer).unwrap();
    assert_eq!(ask(&client).await, "standby");
    pass(ms(500)).await;
    assert_eq!(context.members.control("standby").open_channels(), 16);
    let _active = context.serve("active").await;
    pass(ms(2000)).await;
    let open = ["active", "standby"].map(|name| context.members.control(name).open_channels());
    assert_eq!(open, [16, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_closes_at_once_what_it_accepts_is_left_behind() {
    let context = TestContext::new(FailBack::Eager);
    let flapping: Endpoint = "channel://active".parse().unwrap();
    let mut flapping = context.members.listen(&flapping).await.unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    let flaps = tokio::spawn(async move {
        while flapping.next().await.is_ok() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let _standby = context.serve("standby").await;
    let client = context.client();
    for _ in 0..60 {
        pass(ms(1000)).await;
        assert_eq!(ask(&client).await, "standby");
    }
    // Ten seconds apart in the end, less the jitter; without growing waits it would be hundreds.
    let accepted = accepted.load(Ordering::Relaxed);
    assert!((2..=30).contains(&accepted), "dialled {accepted} times in a minute");
    flaps.abort();
}

#[tokio::test(start_paused = true)]
async fn eager_probing_leaves_nothing_behind() {
    let context = TestContext::new(FailBack::Eager);
    let standby = context.serve("standby").await;
    pass(ms(1)).await;
    let before = tasks();
    for _ in 0..10 {
        let client = context.client();
        ask(&client).await;
        pass(ms(777)).await;
        drop(client);
        pass(ms(1)).await;
    }
    assert_eq!((tasks(), standby.connections()), (before, 0));
    assert_eq!(context.members.control("standby").open_channels(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_ends_channels_of_its_largest_age_is_used_as_before() {
    // Each such end was a failure of the member, and calls went to the standby.
    let context = TestContext::new(FailBack::Lazy);
    let endpoint = Endpoint::new("channel", "active").unwrap();
    let listener = context.members.listen(&endpoint).await.unwrap();
    let active = Server::builder(native(), router("active")).max_age(Duration::from_secs(10)).seeded(1);
    let active = active.listen(listener).unwrap();
    let standby = context.serve("standby").await;
    let client = context.client();
    for _ in 0..500 {
        assert_eq!(ask(&client).await, "active");
        pass(ms(100)).await;
    }
    // Of 50 s each has nine to eleven.
    let accepted = active.counts().accepted;
    assert!((5..=6).contains(&accepted), "{accepted}");
    assert_eq!(standby.counts().accepted, 0);
}
