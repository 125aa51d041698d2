//! A worker's share of the whole load.

use super::identity::Identity;
use crate::load::CellConfig;
use crate::random::seeded;

/// What `worker` is to do of `whole`: its share of the callers, connections, outstanding bytes and, in an open loop, of
/// the rate and of what may be in flight. The shares of all workers add up to the whole: exactly where it is a whole
/// number, of which the first workers get one more where it doesn't divide.
///
/// # Errors
///
/// A text for the user where there is less than one of something for each worker, or a worker would have fewer callers
/// than channels. Every worker gets the same answer.
pub(crate) fn share(whole: &CellConfig, worker: Identity) -> Result<CellConfig, String> {
    let Identity { index, count } = worker;
    enough("--connections", whole.connections, count)?;
    let mut share = whole.clone();
    share.is_worker = true;
    share.connections = part(whole.connections, worker);
    share.window = part(whole.window as u64, worker) as usize;
    match &mut share.open {
        Some(open) => {
            enough("--max-in-flight", open.max_in_flight, count)?;
            open.max_in_flight = part(open.max_in_flight, worker);
            open.rate = rate(open.rate, worker)?;
            open.seed = seeded(open.seed, &format!("worker {index}")).u64(..);
        }
        None => {
            enough("--parallel", whole.parallel, count)?;
            callers(whole, count)?;
        }
    }
    share.parallel = part(whole.parallel, worker).max(1);
    Ok(share)
}

/// Of an integer, the floor or the ceiling of an equal part.
fn part(whole: u64, worker: Identity) -> u64 {
    whole / worker.count + u64::from(worker.index < whole % worker.count)
}

fn enough(flag: &str, whole: u64, count: u64) -> Result<(), String> {
    if whole >= count {
        return Ok(());
    }
    Err(format!("{flag} {whole} is spread over {count} workers: say {count} or more, so that each has one"))
}

fn rate(whole: f64, worker: Identity) -> Result<f64, String> {
    let is_exact = whole.fract() == 0.0 && (0.0..9e15).contains(&whole);
    if !is_exact {
        return Ok(whole / worker.count as f64);
    }
    enough("--rate", whole as u64, worker.count)?;
    Ok(part(whole as u64, worker) as f64)
}

/// No caller of a channel must be missing, at any worker.
fn callers(whole: &CellConfig, count: u64) -> Result<(), String> {
    for index in 0..count {
        let worker = Identity { index, count };
        let (parallel, connections) = (part(whole.parallel, worker), part(whole.connections, worker));
        let channels = connections * whole.lanes;
        if parallel < channels {
            return Err(format!(
                "worker {index} of {count} would have {parallel} of --parallel {} for {channels} channels, and some \
                 would stay idle; say --parallel {} or more",
                whole.parallel,
                whole.connections.div_ceil(count) * whole.lanes * count
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::OpenConfig;
    use crate::load::{Arrivals, PacerChoice};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn open(rate: f64) -> CellConfig {
        let (arrivals, pacer) = (Arrivals::Exp, PacerChoice::Thread);
        let open = OpenConfig { rate, arrivals, max_in_flight: 4096, pacer, seed: 1 };
        CellConfig { connections: 16, open: Some(open), ..CellConfig::default() }
    }

    fn shares(whole: &CellConfig, count: u64) -> Result<Vec<CellConfig>, String> {
        (0..count).map(|index| share(whole, Identity { index, count })).collect()
    }

    proptest! {
        #[test]
        fn whole_numbers_are_split_exactly(parallel in 16u64..5000, rate in 16u64..1_000_000, count in 1u64..16) {
            let whole = CellConfig { parallel, connections: 16, ..CellConfig::default() };
            let closed = shares(&whole, count);
            // Some worker would get fewer callers than connections only where some would idle in the whole too.
            let closed = closed.unwrap();
            prop_assert_eq!(closed.iter().map(|share| share.parallel).sum::<u64>(), parallel);
            prop_assert_eq!(closed.iter().map(|share| share.connections).sum::<u64>(), 16);
            prop_assert_eq!(closed.iter().map(|share| share.window).sum::<usize>(), whole.window);
            let most = closed.iter().map(|share| share.parallel).max();
            prop_assert!(most.unwrap() - closed.iter().map(|share| share.parallel).min().unwrap() <= 1);

            let open = shares(&open(rate as f64), count).unwrap();
            let rates: Vec<f64> = open.iter().filter_map(|share| share.open.as_ref().map(|open| open.rate)).collect();
            prop_assert_eq!(rates.iter().sum::<f64>(), rate as f64);
            prop_assert!(rates.iter().all(|rate| rate.fract() == 0.0));
            let seeds: BTreeSet<_> = open.iter().map(|share| share.open.as_ref().unwrap().seed).collect();
            prop_assert_eq!(seeds.len() as u64, count);
        }
    }

    #[test]
    fn a_rate_that_is_no_whole_number_is_split_evenly() {
        let rates: Vec<_> =
            shares(&open(0.5), 4).unwrap().into_iter().map(|share| share.open.unwrap().rate).collect();
        assert_eq!(rates, [0.125; 4]);
    }

    #[test]
    fn less_than_one_for_each_worker_is_refused_by_its_flag() {
        let closed = |parallel, connections| CellConfig { parallel, connections, ..CellConfig::default() };
        assert!(shares(&closed(4, 1), 4).unwrap_err().contains("--connections 1"));
        assert!(shares(&closed(3, 4), 4).unwrap_err().contains("--parallel 3"));
        assert!(shares(&open(3.0), 4).unwrap_err().contains("--rate 3"));
        assert!(shares(&open(100.0), 17).unwrap_err().contains("--connections 16"));
        shares(&closed(4, 4), 4).unwrap();
    }

    #[test]
    fn a_worker_with_an_idle_channel_is_refused_and_told_how_many_callers_it_takes() {
        let whole = CellConfig { parallel: 9, connections: 4, lanes: 2, ..CellConfig::default() };
        let why = shares(&whole, 3).unwrap_err();
        assert!(why.contains("worker 0 of 3") && why.contains("--parallel 12"), "{why}");
        shares(&CellConfig { parallel: 12, ..whole }, 3).unwrap();
    }
}
