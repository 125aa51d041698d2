//! Merge of all workers' parts of a run: exact, or refused.

mod cell;
mod launch;
mod usages;

use std::collections::BTreeMap;
use std::fmt::Debug;

use listenrain_results::{Run, Workers};

pub(crate) use self::usages::{ServerUsage, add_servers};

/// Why parts are not one run.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub(crate) enum MergeError {
    #[error("there is nothing to merge")]
    Nothing,
    #[error("part {0} is no worker's: it was measured without a --rendezvous")]
    NoWorker(usize),
    #[error("part {0} is merged already: merge the workers' own parts")]
    Merged(usize),
    #[error("part {0} is of `compare`, `search` or `check`: only what `run` measures can be merged")]
    NotOfRun(usize),
    #[error("worker index {index} is out of range: the run has {count} workers")]
    OutOf { index: u64, count: u64 },
    #[error("worker {0} is there twice")]
    Twice(u64),
    #[error("missing: worker {}; --allow-missing merges what there is, and the run says so", list(.0))]
    Missing(Vec<u64>),
    #[error("{what} is {first} at worker {at} and {other} at worker {index}: they are not parts of one run")]
    Differs { what: String, at: u64, first: String, index: u64, other: String },
    #[error("cell {cell} of worker {index}: {why}")]
    Histogram { cell: usize, index: u64, why: String },
}

/// The one run that `parts` are parts of, in whatever order they come: every index there once, all with the same
/// settings and of the same run. With `allow_missing`, of those that there are, and of the cells that all of them have.
///
/// Counts, rates, processor time and memory add up. Times are those of the added histograms, and their extremes and mean
/// are exact. Figures that cannot be had of the whole are left out: percentiles of single launches and of the windows of
/// a series, the host's processors, and intervals over launches.
///
/// # Errors
///
/// [`MergeError`], which names what does not fit.
pub(crate) fn workers(parts: Vec<Run>, allow_missing: bool) -> Result<Run, MergeError> {
    let (parts, workers) = by_index(parts)?;
    let missing: Vec<_> = (0..workers.count).filter(|index| !parts.contains_key(index)).collect();
    if !missing.is_empty() && !allow_missing {
        return Err(MergeError::Missing(missing));
    }
    let seed = same(&parts, "the seed", |part| part.seed)?;
    let cells = match allow_missing {
        true => parts.values().map(|part| part.cells.len()).min().unwrap_or(0),
        false => same(&parts, "the number of cells", |part| part.cells.len())?,
    };
    let mut merged = Vec::new();
    for place in 0..cells {
        let of: BTreeMap<_, _> = parts.iter().map(|(index, part)| (*index, &part.cells[place])).collect();
        merged.push(cell::merge(place, &of)?);
    }
    let mut warnings = warnings(&parts, &missing);
    let mut env = parts.values().next().map(|part| part.env.clone()).unwrap_or_default();
    env.interrupted = parts.values().any(|part| part.env.interrupted);
    warnings.extend(unlike_machines(&parts));
    let skew_us = parts.values().filter_map(|part| part.workers.as_ref()?.skew_us).reduce(f64::max);
    let mut run = Run::new(env, merged);
    run.seed = seed;
    run.warnings = warnings;
    run.workers = Some(Workers { index: None, missing, skew_us, ..workers });
    Ok(run)
}

/// The parts by worker, and what they agree on.
fn by_index(parts: Vec<Run>) -> Result<(BTreeMap<u64, Run>, Workers), MergeError> {
    let mut found = BTreeMap::new();
    for (place, part) in parts.into_iter().enumerate() {
        let of = part.workers.as_ref().ok_or(MergeError::NoWorker(place))?;
        let index = of.index.ok_or(MergeError::Merged(place))?;
        if part.comparison.is_some() || !part.searches.is_empty() || part.check.is_some() {
            return Err(MergeError::NotOfRun(place));
        }
        if index >= of.count {
            return Err(MergeError::OutOf { index, count: of.count });
        }
        if found.insert(index, part).is_some() {
            return Err(MergeError::Twice(index));
        }
    }
    let of = |part: &Run| part.workers.clone().unwrap_or_default();
    same(&found, "the run's name", |part| of(part).run)?;
    same(&found, "the number of workers", |part| of(part).count)?;
    same(&found, "the settings' hash", |part| of(part).settings)?;
    let workers = found.values().next().map(of).ok_or(MergeError::Nothing)?;
    Ok((found, workers))
}

/// What all have.
fn same<P, T: PartialEq + Debug>(
    parts: &BTreeMap<u64, P>,
    what: &str,
    of: impl Fn(&P) -> T,
) -> Result<T, MergeError> {
    let mut values = parts.iter().map(|(index, part)| (*index, of(part)));
    let (at, first) = values.next().ok_or(MergeError::Nothing)?;
    match values.find(|(_, value)| *value != first) {
        None => Ok(first),
        Some((index, other)) => Err(MergeError::Differs {
            what: what.to_owned(),
            at,
            first: format!("{first:?}"),
            index,
            other: format!("{other:?}"),
        }),
    }
}

fn warnings(parts: &BTreeMap<u64, Run>, missing: &[u64]) -> Vec<String> {
    let mut warnings = Vec::new();
    if !missing.is_empty() {
        warnings.push(format!("worker {} is missing: this is not the whole load", list(missing)));
    }
    warnings.extend(told(parts.iter().map(|(index, part)| (*index, &part.warnings))));
    warnings
}

/// Texts of several workers, each once, with the workers that reported it.
fn told<'a>(texts: impl Iterator<Item = (u64, &'a Vec<String>)>) -> Vec<String> {
    let mut told: Vec<(&str, Vec<u64>)> = Vec::new();
    for (index, texts) in texts {
        for text in texts {
            match told.iter_mut().find(|(known, _)| known == text) {
                Some((_, who)) => who.push(index),
                None => told.push((text, vec![index])),
            }
        }
    }
    told.into_iter().map(|(text, who)| format!("worker {}: {text}", list(&who))).collect()
}

/// Machines that are unlike the first: a figure of all is then no figure of any of them.
fn unlike_machines(parts: &BTreeMap<u64, Run>) -> Option<String> {
    let machine = |run: &Run| [&run.env.cpu, &run.env.arch, &run.env.kernel].map(Clone::clone);
    let first = parts.values().next().map(machine)?;
    let unlike: Vec<_> =
        parts.iter().filter(|(_, part)| machine(part) != first).map(|(index, _)| *index).collect();
    (!unlike.is_empty())
        .then(|| format!("worker {} ran on another kind of machine than the first", list(&unlike)))
}

fn list(indices: &[u64]) -> String {
    indices.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
