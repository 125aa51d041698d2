//! The machine and the build that figures belong to. What cannot be found out stays empty.
//!
//! A probe is a function from the kernel's files to a value; [`root`] says where they are read from. [`secrets`] keeps what
//! an endpoint may hold secret out of runs.

pub(crate) mod frequency;
pub(crate) mod host;
pub(crate) mod memory;
pub(crate) mod processors;
pub(crate) mod quota;
pub(crate) mod root;
pub(crate) mod secrets;
pub(crate) mod sockets;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Command;
use std::time::SystemTime;

pub(crate) use bench_load::OPT_LEVEL;
use listenrain_results::Env;

use self::root::Root;
use self::secrets::without_secrets;

/// Describes this machine, this build and this moment.
///
/// # Errors
///
/// A text for the user, where the clock cannot be right.
pub(crate) fn describe(allocator: &str) -> Result<Env, String> {
    Ok(Env {
        started: moment(SystemTime::now())?,
        command: typed(std::env::args_os().skip(1)),
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        cores: std::thread::available_parallelism().map_or(0, |cores| cores.get() as u32),
        rustc: env!("BENCH_RUSTC").to_owned(),
        opt_level: OPT_LEVEL.to_owned(),
        profile: env!("BENCH_PROFILE").to_owned(),
        features: env!("BENCH_FEATURES").split_whitespace().map(str::to_owned).collect(),
        lock: env!("BENCH_LOCK").to_owned(),
        allocator: allocator.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..kernels(&Root::system())
    })
}

/// `now` as run files have it, to the second.
///
/// # Errors
///
/// A text for the user, where no run can have been made at that time.
pub(crate) fn moment(now: SystemTime) -> Result<String, String> {
    let wrong = |what: String| {
        format!("the system's clock {what}: set it right, since every run says when it was made")
    };
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_err(|before| wrong(format!("stands {} s before 1970", before.duration().as_secs())))?;
    if since.as_secs() > LAST_SECOND {
        return Err(wrong("stands behind the year 9999".to_owned()));
    }
    Ok(humantime::format_rfc3339_seconds(now).to_string())
}

/// The last second of the year 9999, which is the last that can be written.
const LAST_SECOND: u64 = 253_402_300_799;

/// What the kernel says.
fn kernels(root: &Root) -> Env {
    let kernel = root.read("proc/sys/kernel/osrelease").or_else(|| ask("uname", &["-r"]));
    let cpu = root.field("proc/cpuinfo", "model name");
    Env {
        kernel: kernel.unwrap_or_default(),
        cpu: cpu.or_else(|| ask("sysctl", &["-n", "machdep.cpu.brand_string"])).unwrap_or_default(),
        machine_cores: processors::online(root).map(|cores| cores.len() as u32),
        affinity: root.field("proc/self/status", "Cpus_allowed_list"),
        cpu_quota: quota::quota(root).flatten().map(|quota| quota.cores),
        smt: processors::smt(root),
        turbo: frequency::turbo(root),
        virtual_machine: host::virtual_machine(root).map(|kind| kind.unwrap_or_else(|| "no".to_owned())),
        memory_mib: memory::mib(root, "MemTotal"),
        governor: frequency::governor(root),
        load_average: processors::load_average(root),
        settings: settings(root),
        ..Env::default()
    }
}

/// Settings by the kernel's own names.
fn settings(root: &Root) -> BTreeMap<String, String> {
    let sysctls = [
        "net.core.rmem_max",
        "net.core.wmem_max",
        "net.core.somaxconn",
        "net.ipv4.tcp_congestion_control",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
        "net.ipv4.ip_local_port_range",
        "kernel.perf_event_paranoid",
    ];
    let mut settings = BTreeMap::new();
    for name in sysctls {
        let value = root.read(&format!("proc/sys/{}", name.replace('.', "/")));
        settings.extend(value.map(|value| (name.to_owned(), value.replace('\t', " "))));
    }
    let clock = root.read("sys/devices/system/clocksource/clocksource0/current_clocksource");
    let files = sockets::descriptors(root).map(|(soft, _)| soft.to_string());
    for (name, value) in [
        ("clocksource", clock),
        ("transparent_hugepage", memory::large_pages(root)),
        ("lo.mtu", sockets::mtu(root).map(|bytes| bytes.to_string())),
        ("open files", files),
    ] {
        settings.extend(value.map(|value| (name.to_owned(), value)));
    }
    let flaws = host::mitigations(root).into_iter();
    settings.extend(flaws.map(|(flaw, said)| (format!("vulnerabilities.{flaw}"), said)));
    settings
}

/// The command line as it was typed, but for what an endpoint may hold secret.
fn typed(arguments: impl Iterator<Item = OsString>) -> String {
    let arguments = arguments.map(|argument| without_secrets(&argument.to_string_lossy()));
    std::iter::once("bench-cli".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// Adds the commit of the working directory's repository, and whether files differ from it.
pub(crate) fn add_commit(env: &mut Env) {
    env.commit = ask("git", &["rev-parse", "HEAD"]);
    env.dirty = env.commit.as_ref().and_then(|_| {
        let output = Command::new("git").args(["status", "--porcelain"]).output().ok()?;
        output.status.success().then_some(!output.stdout.is_empty())
    });
}

fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_cannot_be_right_is_an_error_and_no_panic() {
        let epoch = SystemTime::UNIX_EPOCH;
        let at = |seconds| moment(epoch + Duration::from_secs(seconds));
        assert_eq!(at(0).unwrap(), "1970-01-01T00:00:00Z");
        assert_eq!(at(LAST_SECOND).unwrap(), "9999-12-31T23:59:59Z");
        assert!(at(LAST_SECOND + 1).unwrap_err().contains("behind the year 9999"));
        let early = moment(epoch - Duration::from_secs(60)).unwrap_err();
        assert!(early.starts_with("the system's clock stands 60 s before 1970: set it right"), "{early}");
    }

    #[test]
    fn a_machine_is_described_by_the_doctors_probes() {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("proc/sys/kernel/osrelease", "6.1.0\n"),
            ("proc/cpuinfo", "model name : A processor\nflags : fpu hypervisor\n"),
            ("proc/self/status", "Cpus_allowed_list:\t0-1\n"),
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/cpu.max", "150000 100000\n"),
            ("sys/devices/system/cpu/online", "0-3\n"),
            ("sys/devices/system/cpu/smt/active", "1\n"),
            ("sys/devices/system/cpu/cpufreq/boost", "0\n"),
            ("sys/devices/system/cpu/vulnerabilities/mds", "Mitigation: Clear buffers\n"),
            ("sys/devices/system/cpu/vulnerabilities/l1tf", "Not affected\n"),
            ("proc/sys/net/core/somaxconn", "4096\n"),
            ("sys/class/net/lo/mtu", "65536\n"),
        ] {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let env = kernels(&Root::at(folder.path()));
        assert_eq!((env.kernel.as_str(), env.cpu.as_str()), ("6.1.0", "A processor"));
        assert_eq!((env.machine_cores, env.affinity.as_deref()), (Some(4), Some("0-1")));
        assert_eq!((env.cpu_quota, env.smt, env.turbo), (Some(1.5), Some(true), Some(false)));
        assert_eq!(env.virtual_machine.as_deref(), Some("of a kind it does not tell"));
        let settings: Vec<_> =
            env.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            settings,
            [
                ("lo.mtu", "65536"),
                ("net.core.somaxconn", "4096"),
                ("vulnerabilities.mds", "Mitigation: Clear buffers"),
            ]
        );
    }
}
