//! Tests that need something of the machine: IPv6, another user to become, usrsctp. Where that is missing they are ignored,
//! counted as such, and the reason is printed; in the standard harness they could only pass.

mod ipv6;
#[allow(dead_code, unused_imports, reason = "what the other program alone uses")]
#[path = "../integration/support/mod.rs"]
mod support;
#[cfg(unix)]
mod users;
mod usrsctp;

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial};

type Case = (&'static str, fn() -> Pin<Box<dyn Future<Output = ()>>>);

/// The cases of a module with their names.
macro_rules! cases {
    ($module:ident: $($case:ident),+ $(,)?) => {
        (stringify!($module), $module::missing(), &[$((stringify!($case), || Box::pin($module::$case()))),+])
    };
}

/// What is needed, why it is missing, and what is tried where it is not.
type Need = (&'static str, Option<String>, &'static [Case]);

fn needs() -> Vec<Need> {
    vec![
        cases!(ipv6: plain_transports_work_end_to_end, certificates_are_checked_for_the_address),
        cases!(
            usrsctp: lanes_of_our_dialer_are_served_by_usrsctp, usrsctp_dials_our_listener,
            an_abort_and_a_drop_are_understood, a_peer_that_is_killed_is_noticed,
        ),
        #[cfg(unix)]
        cases!(
            users: the_file_has_the_owner_that_was_asked_for,
            there_is_no_moment_in_which_somebody_else_can_connect,
            an_unlisted_user_is_turned_away_and_accepting_goes_on, a_user_without_the_rights_is_told_and_leaves_nothing,
            pipes_of_another_user_are_neither_dialled_nor_taken_over,
        ),
    ]
}

fn trial((name, case): Case, module: &str, missing: Option<String>) -> Trial {
    let is_missing = missing.is_some();
    let trial = Trial::ignorable_test(format!("{module}::{name}"), move || {
        // It was asked for all the same.
        if let Some(why) = missing {
            return Ok(Completion::ignored_with(why));
        }
        run(case());
        Ok(Completion::Completed)
    });
    trial.with_ignored_flag(is_missing)
}

fn run(case: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(case);
}

fn main() -> ExitCode {
    #[cfg(unix)]
    {
        let mut has_played = false;
        run(async { has_played = users::plays().await });
        if has_played {
            return ExitCode::SUCCESS;
        }
    }
    let (arguments, needs) = (Arguments::from_args(), needs());
    let trials = needs
        .iter()
        .flat_map(|(module, missing, cases)| cases.iter().map(|case| trial(*case, module, missing.clone())));
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    for (module, missing, cases) in needs.iter().filter(|_| !arguments.list) {
        if let Some(why) = missing {
            println!("{} tests of `{module}` are ignored: {why}", cases.len());
        }
    }
    conclusion.exit_code()
}
