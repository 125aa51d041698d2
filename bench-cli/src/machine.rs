//! The machine and the build that figures belong to. Whatever cannot be found out stays empty.

use std::process::Command;
use std::time::SystemTime;

use listenrain_results::Env;

/// Optimisation level that this library was built with.
pub(crate) const OPT_LEVEL: &str = env!("BENCH_OPT_LEVEL");

/// Describes this machine, this build and this moment.
pub(crate) fn describe(allocator: &str) -> Env {
    Env {
        started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        command: std::iter::once("bench-cli".to_owned())
            .chain(std::env::args().skip(1))
            .collect::<Vec<_>>()
            .join(" "),
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        kernel: read("/proc/sys/kernel/osrelease").or_else(|| ask("uname", &["-r"])).unwrap_or_default(),
        cpu: cpu().unwrap_or_default(),
        cores: std::thread::available_parallelism().map_or(0, |cores| cores.get() as u32),
        memory_mib: field("/proc/meminfo", "MemTotal")
            .and_then(|text| text.strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib / 1024)),
        governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        load_average: read("/proc/loadavg").and_then(|text| text.split(' ').next()?.parse().ok()),
        rustc: env!("BENCH_RUSTC").to_owned(),
        opt_level: OPT_LEVEL.to_owned(),
        allocator: allocator.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: None,
        dirty: None,
        interrupted: false,
    }
}

/// Adds the commit of the working directory's repository, and whether files differ from it.
pub(crate) fn add_commit(env: &mut Env) {
    env.commit = ask("git", &["rev-parse", "HEAD"]);
    env.dirty = env.commit.as_ref().and_then(|_| {
        let output = Command::new("git").args(["status", "--porcelain"]).output().ok()?;
        output.status.success().then_some(!output.stdout.is_empty())
    });
}

fn cpu() -> Option<String> {
    field("/proc/cpuinfo", "model name").or_else(|| ask("sysctl", &["-n", "machdep.cpu.brand_string"]))
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// What stands behind `name:` in a file of such lines.
fn field(path: &str, name: &str) -> Option<String> {
    let text = read(path)?;
    let line = text.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
