//! Identity of a worker: its index and count, from its flags or from the engine that launched it.

use std::fmt;

/// One of several workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    /// From 0; worker 0 listens for the others.
    pub(crate) index: u64,
    /// How many there are.
    pub(crate) count: u64,
}

/// Most workers of one run: each costs worker 0 a connection.
const MOST: u64 = 10_000;

/// Engines and where each says index and count, in the order of asking. `BENCH_COUNT` is ours: these engines tell a
/// worker its index, but not how many there are.
const ENGINES: [(&str, &str); 4] = [
    ("JOB_COMPLETION_INDEX", COUNT),
    ("SLURM_PROCID", "SLURM_NTASKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("NOMAD_ALLOC_INDEX", COUNT),
];
const COUNT: &str = "BENCH_COUNT";

impl Identity {
    /// From `--index` and `--count`, else from the first engine's variables that are there. `variable` reads one.
    ///
    /// # Errors
    ///
    /// A text for the user: an index without a count or the other way round, a count of 0 or beyond 10,000, an index
    /// that is not below the count, what is no number, or nothing at all.
    pub(crate) fn find(
        flags: (Option<u64>, Option<u64>),
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        if flags != (None, None) {
            return both(("--index", flags.0), ("--count", flags.1));
        }
        let number = |name: &'static str| match variable(name) {
            None => Ok((name, None)),
            Some(text) => match text.trim().parse() {
                Ok(number) => Ok((name, Some(number))),
                Err(_) => Err(format!("{name}={text}: not a whole number")),
            },
        };
        for (index, count) in ENGINES {
            // Another engine may go with the same count.
            let is_theirs = |name| name != COUNT && variable(name).is_some();
            if is_theirs(index) || is_theirs(count) {
                return both(number(index)?, number(count)?);
            }
        }
        let names = ENGINES.map(|(index, count)| format!("{index} and {count}")).join("; ");
        Err(format!(
            "--rendezvous: which worker is this? Say --index and --count, or set one of these pairs: {names}"
        ))
    }
}

fn both(index: (&str, Option<u64>), count: (&str, Option<u64>)) -> Result<Identity, String> {
    match (index, count) {
        ((index, None), (count, _)) => Err(format!("{count} is given, but not {index}")),
        ((index, _), (count, None)) => Err(format!("{index} is given, but not {count}")),
        (_, (name, Some(count))) if !(1..=MOST).contains(&count) => {
            Err(format!("{name} {count}: allowed: 1 to {MOST} workers"))
        }
        ((name, Some(index)), (_, Some(count))) if index >= count => {
            Err(format!("{name} {index}: of {count} workers, the last is {}", count - 1))
        }
        ((_, Some(index)), (_, Some(count))) => Ok(Identity { index, count }),
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} of {}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(flags: (Option<u64>, Option<u64>), variables: &[(&str, &str)]) -> Result<Identity, String> {
        let value = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Identity::find(flags, value)
    }

    #[test]
    fn flags_come_first_and_then_the_engines_in_their_order() {
        let all = [
            ("JOB_COMPLETION_INDEX", "1"),
            ("BENCH_COUNT", "2"),
            ("SLURM_PROCID", "3"),
            ("SLURM_NTASKS", "5"),
            ("OMPI_COMM_WORLD_RANK", "4"),
            ("OMPI_COMM_WORLD_SIZE", "6"),
        ];
        assert_eq!(find((Some(6), Some(7)), &all), Ok(Identity { index: 6, count: 7 }));
        assert_eq!(find((None, None), &all), Ok(Identity { index: 1, count: 2 }));
        assert_eq!(find((None, None), &all[2..]), Ok(Identity { index: 3, count: 5 }));
        assert_eq!(find((None, None), &all[4..]), Ok(Identity { index: 4, count: 6 }));
        let nomad = [("NOMAD_ALLOC_INDEX", "2"), ("BENCH_COUNT", "4")];
        assert_eq!(find((None, None), &nomad), Ok(Identity { index: 2, count: 4 }));
        // A count for another engine does not hide Slurm.
        assert_eq!(find((None, None), &all[1..4]), Ok(Identity { index: 3, count: 5 }));
    }

    #[test]
    fn what_is_wrong_or_half_said_is_refused_by_name() {
        let refused = |flags, variables: &[(&str, &str)], says: &[&str]| {
            let why = find(flags, variables).unwrap_err();
            assert!(says.iter().all(|word| why.contains(word)), "{why}");
        };
        refused((Some(0), None), &[], &["--index", "not --count"]);
        refused((None, Some(4)), &[], &["--count", "not --index"]);
        refused((Some(4), Some(4)), &[], &["--index 4", "the last is 3"]);
        refused((Some(0), Some(0)), &[], &["--count 0", "1 to 10000"]);
        refused((None, None), &[], &["--index", "SLURM_PROCID"]);
        refused((None, None), &[("JOB_COMPLETION_INDEX", "0")], &["BENCH_COUNT"]);
        refused((None, None), &[("NOMAD_ALLOC_INDEX", "0")], &["BENCH_COUNT"]);
        refused((None, None), &[("SLURM_NTASKS", "4")], &["SLURM_NTASKS is given, but not SLURM_PROCID"]);
        refused((None, None), &[("SLURM_PROCID", "x"), ("SLURM_NTASKS", "4")], &["SLURM_PROCID=x"]);
        let out = [("OMPI_COMM_WORLD_RANK", "9"), ("OMPI_COMM_WORLD_SIZE", "4")];
        refused((None, None), &out, &["OMPI_COMM_WORLD_RANK 9"]);
        // A flag is not completed by an engine.
        refused((Some(1), None), &[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4")], &["not --count"]);
    }
}
