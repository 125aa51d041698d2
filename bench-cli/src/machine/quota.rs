//! The CPU quota of the control group, of version 1 or 2, and how often it was used up.

use super::root::Root;

/// A limit on CPU time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quota {
    /// Cores' worth of time that may be used.
    pub(crate) cores: f64,
    /// How often the group was stopped for it, since it exists.
    pub(crate) throttled: u64,
}

impl Quota {
    /// In words, with what it spoils and what to do.
    pub(crate) fn warning(&self) -> String {
        format!(
            "a CPU quota of {:.2} cores, as a container has it, stopped this control group {} times so far: it caps \
             throughput, and p99 and max show its period of 100 ms or so; lift it, or pin whole cores to the container",
            self.cores, self.throttled
        )
    }
}

/// The tightest quota of this process's group and of those above it, `Some(None)` where there is none; `None` where no group
/// can be read.
pub(crate) fn quota(root: &Root) -> Option<Option<Quota>> {
    let groups = root.read("proc/self/cgroup")?;
    let mut readable = false;
    let mut tightest: Option<Quota> = None;
    for (folder, is_v2) in folders(&groups) {
        let limit = if is_v2 { v2(root, &folder) } else { v1(root, &folder) };
        readable |= limit.is_some();
        if let Some(Some(quota)) = limit {
            tightest = Some(tightest.filter(|other| other.cores <= quota.cores).unwrap_or(quota));
        }
    }
    readable.then_some(tightest)
}

/// The folders of the groups that a `/proc/self/cgroup` names, from the innermost to the outermost, and whether each is
/// of version 2. In a container the outer ones may not be there, and the mount stands for the innermost.
fn folders(groups: &str) -> Vec<(String, bool)> {
    let mut folders = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let mounts: &[&str] = match controllers {
            "" => &["sys/fs/cgroup", "sys/fs/cgroup/unified"],
            names if names.split(',').any(|name| name == "cpu") => {
                &["sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct"]
            }
            _ => continue,
        };
        let mut path = path.trim_end_matches('/');
        loop {
            folders.extend(mounts.iter().map(|mount| (format!("{mount}{path}"), controllers.is_empty())));
            match path.rfind('/') {
                Some(slash) => path = &path[..slash],
                None => break,
            }
        }
    }
    folders
}

fn v2(root: &Root, folder: &str) -> Option<Option<Quota>> {
    let text = root.read(&format!("{folder}/cpu.max"))?;
    let (quota, period) = text.split_once(' ')?;
    limit(root, folder, quota, period)
}

fn v1(root: &Root, folder: &str) -> Option<Option<Quota>> {
    let quota = root.read(&format!("{folder}/cpu.cfs_quota_us"))?;
    let period = root.read(&format!("{folder}/cpu.cfs_period_us"))?;
    limit(root, folder, &quota, &period)
}

fn limit(root: &Root, folder: &str, quota: &str, period: &str) -> Option<Option<Quota>> {
    if quota == "max" || quota == "-1" {
        return Some(None);
    }
    let (quota, period) = (quota.parse::<f64>().ok()?, period.parse::<f64>().ok()?);
    let stat = root.read(&format!("{folder}/cpu.stat")).unwrap_or_default();
    let throttled = stat.lines().find_map(|line| line.strip_prefix("nr_throttled ")?.parse().ok());
    (period > 0.0).then(|| Some(Quota { cores: quota / period, throttled: throttled.unwrap_or(0) }))
}
