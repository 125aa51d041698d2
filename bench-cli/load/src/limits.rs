//! The largest values that a cell may have, and the descriptors that it needs.

/// Largest payload. The packet limit that client and server are built with follows it.
pub const MAX_PAYLOAD: u64 = 64 << 20;
/// Most callers, and most requests that a server alone takes from one connection at once.
pub const MAX_PARALLEL: u64 = 100_000;
/// Largest byte window, and most bytes that a server alone takes from one connection at once.
pub const MAX_WINDOW: u64 = 1 << 30;
/// Requests that an open loop may have outstanding by default; the byte window may hold fewer.
pub const MAX_IN_FLIGHT: u64 = 16_384;
/// Most that may be asked for.
pub const MOST_IN_FLIGHT: u64 = 1_000_000;

/// What a process has open beside its connections: standard streams, a runtime, files, a spare.
const BESIDE: u64 = 64;

/// Descriptors that a process needs which holds `ends` ends, 1 or 2, of each of `channels` channels.
///
/// A transport that needs more than one for an end of a channel, such as a pair of pipes, needs more than this.
pub fn descriptors(channels: u64, ends: u64, is_forwarded: bool) -> u64 {
    // A forwarder accepts every channel and dials another for it.
    let carried = if is_forwarded { 2 } else { 0 };
    channels * (ends + carried) + BESIDE
}

/// Sees to it that this process may have `needed` descriptors open: raises its soft limit where it must.
///
/// # Errors
///
/// A text for the user, where the hard limit is lower.
#[cfg(unix)]
pub fn ensure_descriptors(needed: u64) -> Result<(), String> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    // What cannot be asked is found out when it happens.
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return Ok(()) };
    let Some(raised) = raise(needed, soft, hard)? else { return Ok(()) };
    setrlimit(Resource::RLIMIT_NOFILE, raised, hard)
        .map_err(|error| refusal(needed, soft, &error.to_string()))
}

/// Nothing is known to limit them elsewhere.
#[cfg(not(unix))]
pub fn ensure_descriptors(_needed: u64) -> Result<(), String> {
    Ok(())
}

/// What the soft limit is to become, if it is too low.
#[cfg(unix)]
fn raise(needed: u64, soft: u64, hard: u64) -> Result<Option<u64>, String> {
    if needed <= soft {
        Ok(None)
    } else if needed <= hard {
        // No further than needed: some systems refuse their own hard limit when it says that there is none.
        Ok(Some(needed))
    } else {
        Err(refusal(needed, hard, "which is the hard limit"))
    }
}

#[cfg(unix)]
fn refusal(needed: u64, may: u64, why: &str) -> String {
    format!(
        "the connections need {needed} open files and this process may have {may} ({why}); ask for fewer --connections \
         or --lanes, or raise it with `ulimit -n {needed}`"
    )
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use nix::sys::resource::{Resource, getrlimit};

    #[test]
    fn the_soft_limit_is_raised_as_far_as_is_needed_and_allowed() {
        assert_eq!(raise(100, 1024, 4096), Ok(None));
        assert_eq!(raise(1024, 1024, 4096), Ok(None));
        assert_eq!(raise(1025, 1024, 4096), Ok(Some(1025)));
        assert_eq!(raise(4096, 1024, 4096), Ok(Some(4096)));
        let why = raise(4097, 1024, 4096).unwrap_err();
        for part in ["need 4097", "may have 4096", "ulimit -n 4097", "--connections"] {
            assert!(why.contains(part), "{why}");
        }
    }

    #[test]
    fn this_process_gets_what_it_may_have_and_no_more() {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        let needed = (soft + 1).min(hard);
        ensure_descriptors(needed).unwrap();
        assert!(getrlimit(Resource::RLIMIT_NOFILE).unwrap().0 >= needed);
        if hard < u64::MAX {
            ensure_descriptors(hard + 1).unwrap_err();
        }
    }

    #[test]
    fn both_ends_and_a_forwarder_need_theirs() {
        assert_eq!(descriptors(20, 1, false), 20 + BESIDE);
        assert_eq!(descriptors(20, 2, false), 40 + BESIDE);
        assert_eq!(descriptors(20, 2, true), 80 + BESIDE);
    }
}
