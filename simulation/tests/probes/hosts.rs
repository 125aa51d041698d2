//! Hosts, their names, their tasks and their clocks.

use std::cell::Cell;
use std::future::pending;
use std::io::ErrorKind;
use std::panic;
use std::rc::Rc;
use std::sync::Once;

use tokio::runtime::Handle;
use tokio::task::spawn_local;
use tokio::time::sleep;
use turmoil::net::TcpListener;

use super::{MS, Progress, steady, step_for};

thread_local! {
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

/// Counts the panics of this thread from now on, on which everything of a simulation runs.
fn count_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + 1);
            before(info);
        }));
    });
    PANICS.set(0);
}

#[test]
fn a_spawned_task_may_panic_and_only_a_hook_notices() {
    count_panics();
    let mut sim = steady(MS).build();
    sim.client("client", async {
        tokio::spawn(async { panic!("unnoticed") });
        spawn_local(async { panic!("unnoticed, too") });
        sleep(10 * MS).await;
        Ok(())
    });
    sim.run().unwrap();
    assert_eq!(PANICS.get(), 2);
}

#[test]
fn a_host_that_panics_itself_fails_the_run() {
    let mut sim = steady(MS).build();
    sim.host("server", || async { panic!("noticed") });
    sim.client("client", async {
        sleep(10 * MS).await;
        Ok(())
    });
    assert!(sim.run().unwrap_err().to_string().contains("panicked"));
}

#[test]
fn the_tasks_of_a_host_can_be_counted_but_not_its_local_ones() {
    let mut sim = steady(MS).build();
    sim.host("other", || async {
        for _ in 0..5 {
            tokio::spawn(pending::<()>());
        }
        pending().await
    });
    sim.client("client", async {
        let tasks = || Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        assert_eq!(
            before, 0,
            "its own future is a local task, and those of other hosts are not of its runtime"
        );
        let spawned = [(); 3].map(|()| tokio::spawn(pending::<()>()));
        spawn_local(pending::<()>());
        assert_eq!(tasks(), before + 3);
        spawned.iter().for_each(tokio::task::JoinHandle::abort);
        sleep(MS).await;
        assert_eq!(tasks(), before);
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn a_host_that_is_done_is_run_no_more_whatever_it_has_spawned() {
    // So a client that wants to say goodbye must wait until it is said.
    let mut sim = steady(MS).build();
    let ran = Rc::new(Cell::new(false));
    let running = ran.clone();
    sim.client("client", async move {
        spawn_local(async move {
            sleep(5 * MS).await;
            running.set(true);
        });
        Ok(())
    });
    sim.client("other", async {
        sleep(1000 * MS).await;
        Ok(())
    });
    sim.run().unwrap();
    assert!(!ran.get());
}

#[test]
fn looking_up_a_name_that_nobody_has_invents_an_address_and_binding_by_it_does_not() {
    let mut sim = steady(MS).build();
    sim.client("client", async {
        let bind =
            async |name: &'static str| TcpListener::bind((name, 0)).await.err().map(|error| error.kind());
        assert_eq!(bind("nobody").await, Some(ErrorKind::NotFound));
        assert_eq!(bind("nobody").await, Some(ErrorKind::NotFound), "it left no trace");
        assert_eq!(
            bind("client").await,
            Some(ErrorKind::AddrNotAvailable),
            "a host's name is no name to bind by"
        );
        let invented = turmoil::lookup("nobody");
        assert_ne!(invented, turmoil::lookup("client"));
        assert_eq!(turmoil::reverse_lookup(invented).as_deref(), Some("nobody"));
        assert_eq!(bind("nobody").await, Some(ErrorKind::AddrNotAvailable), "now it has one");
        Ok(())
    });
    sim.run().unwrap();
}

#[test]
fn the_time_of_the_simulation_goes_on_while_a_host_is_down_and_its_own_begins_anew() {
    let mut sim = steady(MS).build();
    let (progress, started) = (Progress::default(), Rc::new(Cell::new(None)));
    let (noting, starting) = (progress.clone(), started.clone());
    sim.host("server", move || {
        starting.set(turmoil::sim_elapsed());
        noting.reach(1);
        pending()
    });
    progress.step_until(&mut sim, 1);
    step_for(&mut sim, 50 * MS);
    sim.crash("server");
    step_for(&mut sim, 50 * MS);
    sim.bounce("server");
    let now = started.get().unwrap();
    assert!(now >= 100 * MS && now <= 105 * MS, "{now:?}");
}
