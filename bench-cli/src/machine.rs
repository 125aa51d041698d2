//! The machine and the build that figures belong to. Whatever cannot be found out stays empty.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::SystemTime;

use listenrain_results::Env;

use crate::doctor::quota::{self, Limit};
use crate::doctor::root::Root;
use crate::doctor::{busy, frequency, host, memory, processors, sockets};

/// Optimisation level that this library was built with.
pub(crate) const OPT_LEVEL: &str = env!("BENCH_OPT_LEVEL");

/// Describes this machine, this build and this moment.
pub(crate) fn describe(allocator: &str) -> Env {
    Env {
        started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        command: typed(std::env::args().skip(1)),
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
    }
}

/// What the kernel says.
fn kernels(root: &Root) -> Env {
    let kernel = root.read("proc/sys/kernel/osrelease").or_else(|| ask("uname", &["-r"]));
    let cpu = root.field("proc/cpuinfo", "model name");
    Env {
        kernel: kernel.unwrap_or_default(),
        cpu: cpu.or_else(|| ask("sysctl", &["-n", "machdep.cpu.brand_string"])).unwrap_or_default(),
        machine_cores: processors::online(root).map(|cores| cores.len() as u32),
        affinity: root.field("proc/self/status", "Cpus_allowed_list"),
        cpu_quota: quota::quota(root).and_then(|limit| match limit {
            Limit::At(quota) => Some(quota.cores),
            Limit::None => None,
        }),
        smt: processors::smt(root),
        turbo: frequency::turbo(root),
        virtual_machine: host::virtual_machine(root).map(|kind| kind.unwrap_or_else(|| "no".to_owned())),
        memory_mib: memory::mib(root, "MemTotal"),
        governor: frequency::governor(root),
        load_average: busy::load_average(root),
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
fn typed(arguments: impl Iterator<Item = String>) -> String {
    let arguments = arguments.map(|argument| without_secrets(&argument));
    std::iter::once("bench-cli".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// `text` with `…` where an endpoint in it has a user, a password or options; a member of a list that is written so that
/// these cannot be told from the rest keeps nothing but its scheme. What is no endpoint stays as it is.
pub(crate) fn without_secrets(text: &str) -> String {
    if !text.contains("://") {
        return text.to_owned();
    }
    // Whatever lies between two endpoints may belong to the first one's secret.
    let is_clear = text.split(',').skip_while(|part| !part.contains("://")).all(|part| part.contains("://"));
    let part = |(index, part): (usize, &str)| match part.split_once("://") {
        Some((scheme, rest)) if is_clear => format!("{}://{}", open(scheme), address(rest)),
        Some((scheme, _)) => format!("{}://…", open(scheme)),
        None if index == 0 => open(part),
        None => "…".to_owned(),
    };
    text.split(',').enumerate().map(part).collect::<Vec<_>>().join(",")
}

/// `text` in which some endpoint may be named, such as an error: each without secrets, `typed` first, which may be made of
/// anything, and of which a part may be named alone.
pub(crate) fn told_without_secrets(text: &str, typed: Option<&str>) -> String {
    let mut text = text.to_owned();
    if let Some(typed) = typed.filter(|typed| !typed.is_empty()) {
        text = text.replace(typed, &without_secrets(typed));
        for secret in secrets(typed) {
            text = text.replace(secret, "…");
        }
    }
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let bare = word.trim_end_matches(char::is_whitespace);
            without_secrets(bare) + &word[bare.len()..]
        })
        .collect()
}

/// What may be secret of an endpoint, longest first: its user and password, its options and their values. A part of one or
/// two letters is left: it would be found in every word.
fn secrets(endpoint: &str) -> Vec<&str> {
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let users = [rest, before].into_iter().filter_map(|text| text.rsplit_once('@')).map(|(user, _)| user);
    let users: Vec<_> = users.collect();
    let passwords = users.iter().filter_map(|user| user.split_once(':')).map(|(_, password)| password);
    let options = query.split(['&', ',']);
    let values = options.clone().filter_map(|option| option.split_once('=')).map(|(_, value)| value);
    let all = users.iter().copied().chain(passwords).chain([query]).chain(options).chain(values);
    let mut all: Vec<_> = all.filter(|part| part.len() > 2).collect();
    all.sort_by_key(|part| std::cmp::Reverse(part.len()));
    all
}

/// What may be seen of the text before `://`: a flag and a scheme, but no options of a list.
fn open(before: &str) -> String {
    let (flag, rest) = match before.split_once('=') {
        Some((flag, rest)) if flag.starts_with("--") => (format!("{flag}="), rest),
        _ => (String::new(), before),
    };
    match rest.rsplit_once(':') {
        Some((list, member)) if is_name(list) && is_name(member) => format!("{flag}{rest}"),
        Some((list, _)) if is_name(list) => format!("{flag}{list}:…"),
        None if is_name(rest) => format!("{flag}{rest}"),
        _ => format!("{flag}…"),
    }
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// What may be seen of the text behind `://`.
fn address(rest: &str) -> String {
    match (rest.rfind('@'), rest.find('?')) {
        // A password may hold a `?`, and an option an `@`.
        (Some(at), Some(query)) if query < at => "…".to_owned(),
        (at, query) => {
            let user = if at.is_some() { "…@" } else { "" };
            let options = if query.is_some() { "?…" } else { "" };
            let address = &rest[at.map_or(0, |at| at + 1)..query.unwrap_or(rest.len())];
            format!("{user}{address}{options}")
        }
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

fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
