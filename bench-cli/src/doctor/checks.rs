//! The table of checks: what is looked at, what is good, which figures suffer otherwise, and what to try.

use std::time::Duration;

use super::clock;
use crate::machine::quota::{Quota, quota};
use crate::machine::root::Root;
use crate::machine::{OPT_LEVEL, frequency, host, memory, processors, sockets};
use crate::meter::usage::HostTimes;

/// More of the machine busy with other things than this share shows in the figures.
const BUSY: f64 = 0.05;
/// More time than this share taken by the hypervisor does.
const STEAL: f64 = 0.01;
/// Other work of more than this share of the cores, over the last minute.
const LOAD: f64 = 0.25;
/// The largest row of the original's table holds 64 MiB of payloads several times over.
const ENOUGH_MIB: u64 = 1024;
/// More than this in swap means that memory was short.
const SWAPPED_MIB: u64 = 64;
/// What the program holds open besides connections, with some to spare.
const OTHER_FILES: u64 = 100;
/// The most that --connections takes.
const CONNECTIONS: u64 = 1024;
/// What implementations of QUIC ask for at least, bytes.
const DATAGRAM_BUFFER: u64 = 2 << 20;
/// Fewer ports than that run out when connections come and go.
const PORTS: u64 = 10_000;
/// Congestion controls that pace what they send.
const PACING: [&str; 3] = ["bbr", "bbr2", "bbr3"];
/// Clock sources that are read without a system call.
const QUICK_CLOCKS: [&str; 4] = ["tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page"];
/// A reading of the clock that takes longer shows in short service times.
const CLOCK_COST: Duration = Duration::from_nanos(150);
/// Rows whose requests leave later than that are marked as limited by the generator.
const LATE: Duration = Duration::from_millis(1);
/// Above this level the kernel keeps performance counters from users.
const PARANOID: i64 = 2;

/// What is looked at: the kernel's files, and what the machine did for a moment.
pub(super) struct Machine<'a> {
    root: &'a Root,
    /// The shares of it that were busy and stolen.
    sample: Option<(f64, f64)>,
}

impl<'a> Machine<'a> {
    /// After having watched it for `time`.
    pub(super) fn watched(root: &'a Root, time: Duration) -> Self {
        // Only shares are wanted: how long a tick is does not matter.
        let read = || HostTimes::parse(&root.read("proc/stat")?, 100);
        let before = read();
        std::thread::sleep(time);
        let sample = before.zip(read()).and_then(|(before, after)| after.shares_since(&before));
        Self { root, sample }
    }
}

/// What a check saw.
pub(super) enum Seen {
    Fine(String),
    Bad(String),
    /// Why this system does not say.
    Unknown(&'static str),
    /// It is there, and kept from us.
    Hidden(String),
}

/// A row of the table.
pub(super) struct Check {
    pub(super) name: &'static str,
    /// Which figures suffer.
    pub(super) spoils: &'static str,
    /// What to try.
    pub(super) remedy: &'static str,
    pub(super) look: fn(&Machine<'_>) -> Seen,
}

/// `found`, and whether it is good.
fn seen(found: impl Into<String>, is_good: bool) -> Seen {
    if is_good { Seen::Fine(found.into()) } else { Seen::Bad(found.into()) }
}

/// What `judge` makes of a value, where the kernel has one.
fn known<T>(value: Option<T>, judge: impl FnOnce(T) -> Seen) -> Seen {
    value.map_or(Seen::Unknown("the kernel does not say"), judge)
}

/// In the order in which they are shown.
pub(super) const CHECKS: [Check; 24] = [
    Check {
        name: "build",
        spoils: "throughput and CPU, somewhat; without optimisation every figure: they mean nothing",
        remedy: "build it with `cargo build --release`",
        look: |_| build(OPT_LEVEL, cfg!(debug_assertions)),
    },
    Check {
        name: "cores",
        spoils: "throughput: less than the machine can do; on one core latency too, since client and server take turns",
        remedy: "lift the affinity (`taskset -p`, the container's cpuset), a machine with two cores or more, or say in the \
                 report that it is on purpose",
        look: |at| {
            let cores = processors::online(at.root).zip(processors::allowed(at.root));
            known(cores, |(online, allowed)| {
                let (online, allowed) = (online.len(), allowed.len());
                seen(format!("{allowed} usable of {online}"), allowed >= online && allowed >= 2)
            })
        },
    },
    Check {
        name: "SMT",
        spoils: "CPU figures and --placement split: a busy sibling slows a processor by up to a half",
        remedy: "--pin with processors of different cores, or `echo off > /sys/devices/system/cpu/smt/control`",
        look: |at| {
            known(processors::smt(at.root), |smt| {
                let siblings = at.root.read("sys/devices/system/cpu/cpu0/topology/thread_siblings_list");
                let siblings = siblings.map(|list| format!(": processors {list} are one core"));
                let on = format!("on{}", siblings.unwrap_or_default());
                if smt { Seen::Bad(on) } else { seen("off: every processor is a core of its own", true) }
            })
        },
    },
    Check {
        name: "CPU quota",
        spoils: "p99 and max, which then show the ration's period of 100 ms or so; throughput",
        remedy: "lift the container's CPU limit, or pin whole cores to it instead",
        look: |at| match quota(at.root) {
            None => Seen::Unknown("no control group can be read"),
            Some(None) => seen("none", true),
            Some(Some(Quota { cores, throttled })) => {
                Seen::Bad(format!("{cores:.2} cores; stopped for it {throttled} times so far"))
            }
        },
    },
    Check {
        name: "governor",
        spoils: "latency at low load, CPU figures, and runs that follow one another",
        remedy: "`cpupower frequency-set -g performance`",
        look: |at| match frequency::governor(at.root) {
            None => Seen::Unknown("no cpufreq here, as in most virtual machines"),
            Some(governor) => seen(&*governor, governor == "performance"),
        },
    },
    Check {
        name: "turbo",
        spoils: "what is measured after a long run, or with more cores busy: the clock is then slower",
        remedy: "`echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo`, or `echo 0 > …/cpufreq/boost`",
        look: |at| known(frequency::turbo(at.root), |on| seen(if on { "on" } else { "off" }, !on)),
    },
    Check {
        name: "virtual machine",
        spoils: "p99 and max, and figures of different days: others share caches, memory and cores",
        remedy: "`compare` instead of runs one after the other, several --launches, or a machine of one's own",
        look: |at| match host::virtual_machine(at.root) {
            None => Seen::Unknown("nothing says"),
            Some(None) => seen("no", true),
            Some(Some(kind)) => Seen::Bad(format!("yes, {kind}")),
        },
    },
    Check {
        name: "steal",
        spoils: "p99 and max: the hypervisor gives the cores to others meanwhile",
        remedy: "another time, or a machine with cores of its own",
        look: |at| {
            known(at.sample, |(_, steal)| {
                seen(format!("{:.1} % over half a second", steal * 100.0), steal <= STEAL)
            })
        },
    },
    Check {
        name: "busy now",
        spoils: "everything",
        remedy: "end what else runs: `top` says what it is",
        look: |at| {
            known(at.sample, |(busy, _)| {
                seen(format!("{:.0} % of all cores over half a second", busy * 100.0), busy <= BUSY)
            })
        },
    },
    Check {
        name: "load",
        spoils: "everything",
        remedy: "wait, or end what else runs: `top` says what it is",
        look: |at| {
            known(processors::load_average(at.root), |load| {
                let cores = processors::online(at.root).map_or(1, |cores| cores.len().max(1));
                let found = format!("{load:.2} over the last minute, of {cores} cores");
                seen(found, load <= LOAD * cores as f64)
            })
        },
    },
    Check {
        name: "memory",
        spoils: "rows of large payloads times many callers, which may be killed",
        remedy: "end what holds memory, or a smaller --window",
        look: |at| {
            known(memory::mib(at.root, "MemAvailable"), |mib| {
                seen(format!("{mib} MiB available"), mib >= ENOUGH_MIB)
            })
        },
    },
    Check {
        name: "swap",
        spoils: "max: a page that has to come back takes milliseconds",
        remedy: "`swapoff -a && swapon -a`",
        look: |at| {
            let swap = memory::mib(at.root, "SwapTotal").zip(memory::mib(at.root, "SwapFree"));
            known(swap, |(total, free)| {
                let used = total.saturating_sub(free);
                let found = format!("{used} of {total} MiB in use");
                seen(if total == 0 { "none".to_owned() } else { found }, used <= SWAPPED_MIB)
            })
        },
    },
    Check {
        name: "large pages",
        spoils: "memory, in pieces of 2 MiB; max, when the kernel puts them together",
        remedy: "`echo madvise > /sys/kernel/mm/transparent_hugepage/enabled`",
        look: |at| known(memory::large_pages(at.root), |policy| seen(&*policy, policy != "always")),
    },
    Check {
        name: "descriptors",
        spoils: "more --connections than that: they fail",
        remedy: "`ulimit -n 65536`",
        look: |at| {
            known(sockets::descriptors(at.root), |(soft, hard)| {
                let text =
                    |limit: u64| if limit == u64::MAX { "no limit".to_owned() } else { limit.to_string() };
                // One process holds both ends.
                let connections = soft.saturating_sub(OTHER_FILES) / 2;
                let found = format!("{} now, {} when asked for", text(soft), text(hard));
                match connections >= CONNECTIONS {
                    true => Seen::Fine(found),
                    false => Seen::Bad(format!("{found}: enough for {connections} connections")),
                }
            })
        },
    },
    Check {
        name: "ports",
        spoils: "runs that connect over and over: ports rest a minute after use",
        remedy: "`sysctl net.ipv4.ip_local_port_range='32768 60999'`",
        look: |at| {
            known(sockets::port_range(at.root), |(first, last)| {
                seen(format!("{first} to {last}"), last.saturating_sub(first) + 1 >= PORTS)
            })
        },
    },
    Check {
        name: "socket buffers",
        spoils: "quic and udp: a full buffer loses datagrams, which are then sent again",
        remedy: "`sysctl net.core.rmem_max=8388608 net.core.wmem_max=8388608`",
        look: |at| {
            let most = |name: &str| at.root.number(&format!("proc/sys/net/core/{name}"));
            known(most("rmem_max").zip(most("wmem_max")), |(receive, send)| {
                let found = format!("at most {} KiB to receive, {} KiB to send", receive >> 10, send >> 10);
                seen(found, receive.min(send) >= DATAGRAM_BUFFER)
            })
        },
    },
    Check {
        name: "backlog",
        spoils: "the start of more connections at once: some are retried a second later",
        remedy: "`sysctl net.core.somaxconn=4096`",
        look: |at| {
            known(at.root.number("proc/sys/net/core/somaxconn"), |waiting| {
                seen(format!("{waiting} connections may wait to be accepted"), waiting >= CONNECTIONS)
            })
        },
    },
    Check {
        name: "congestion control",
        spoils: "tcp and tls: one that paces sets a timer a packet, on loopback too",
        remedy: "`sysctl net.ipv4.tcp_congestion_control=cubic`, or --set tcp.congestion=cubic",
        look: |at| known(sockets::congestion(at.root), |name| seen(&*name, !PACING.contains(&&*name))),
    },
    Check {
        name: "UDP segments",
        spoils: "quic: a system call a datagram",
        remedy: "a kernel of 5.0 or newer",
        look: |at| {
            known(sockets::kernel(at.root), |(major, minor)| match (major, minor) {
                version if version >= (5, 0) => seen("sent and received many at a time (GSO, GRO)", true),
                version if version >= (4, 18) => Seen::Bad(format!(
                    "sent many at a time (GSO), received one by one: kernel {major}.{minor}"
                )),
                _ => Seen::Bad(format!("sent and received one by one: kernel {major}.{minor}")),
            })
        },
    },
    Check {
        name: "MTU of lo",
        spoils: "throughput of large payloads, against machines where it is 65536",
        remedy: "`ip link set lo mtu 65536`, unless a network is imitated on purpose",
        look: |at| known(sockets::mtu(at.root), |bytes| seen(format!("{bytes} bytes"), bytes == 65536)),
    },
    Check {
        name: "clock source",
        spoils: "short service times and CPU: every reading is a system call",
        remedy: "boot with `clocksource=tsc`, where the processor's is reliable",
        look: |at| {
            let source = at.root.read("sys/devices/system/clocksource/clocksource0/current_clocksource");
            known(source, |source| seen(&*source, QUICK_CLOCKS.contains(&&*source)))
        },
    },
    Check {
        name: "reading the clock",
        spoils: "throughput and CPU of small payloads: a request reads it twice or more",
        remedy: "another clock source; see above",
        look: |_| clock_cost(clock::cost()),
    },
    Check {
        name: "waking up",
        spoils: "send lag of an open loop: rows whose requests leave a millisecond late are not compared",
        remedy: "end what else runs, a core for the client alone (--pin), or a lower --rate",
        look: |_| waking_up(clock::oversleep()),
    },
    Check {
        name: "perf counters",
        spoils: "no figure, but the reason for a difference: instructions and cache misses",
        remedy: "`sysctl kernel.perf_event_paranoid=2`",
        look: |at| {
            let level = at.root.read("proc/sys/kernel/perf_event_paranoid");
            let units = at.root.list("sys/bus/event_source/devices");
            match level.and_then(|text| text.parse::<i64>().ok()) {
                None => Seen::Unknown("the kernel has none"),
                Some(_) if !units.iter().any(|name| name.starts_with("cpu")) => {
                    Seen::Unknown("the machine has none, as many virtual ones")
                }
                Some(level) if level > PARANOID => {
                    Seen::Hidden(format!("kept from users (paranoid level {level})"))
                }
                Some(level) => Seen::Fine(format!("allowed (paranoid level {level})")),
            }
        },
    },
];

fn build(opt_level: &str, assertions: bool) -> Seen {
    let on = if assertions { "on" } else { "off" };
    seen(format!("optimisation level {opt_level}, debug assertions {on}"), opt_level != "0" && !assertions)
}

fn clock_cost(cost: Duration) -> Seen {
    seen(format!("{} ns", cost.as_nanos()), cost <= CLOCK_COST)
}

fn waking_up((p50, p99): (Duration, Duration)) -> Seen {
    let found = format!("{} µs late (p50), {} µs (p99), after 100 µs", p50.as_micros(), p99.as_micros());
    seen(found, p99 <= LATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_bad(seen: &Seen) -> bool {
        matches!(seen, Seen::Bad(_))
    }

    #[test]
    fn what_is_no_file_is_judged_by_its_own_limits() {
        for (seen, bad) in [
            (build("3", false), false),
            (build("3", true), true),
            (build("0", false), true),
            (clock_cost(Duration::from_nanos(25)), false),
            (clock_cost(Duration::from_nanos(900)), true),
            (waking_up((Duration::from_micros(55), Duration::from_micros(900))), false),
            (waking_up((Duration::from_micros(55), Duration::from_micros(4000))), true),
        ] {
            assert_eq!(is_bad(&seen), bad);
        }
        let late = waking_up((Duration::from_micros(55), Duration::from_micros(4000)));
        assert!(matches!(late, Seen::Bad(found) if found.contains("4000 µs (p99)")));
        assert!(clock::cost() > Duration::ZERO, "reading the clock takes some time");
        let look = |name: &str, sample| {
            let check = CHECKS.iter().find(|check| check.name == name).unwrap();
            (check.look)(&Machine { root: &Root::system(), sample })
        };
        for (name, sample, bad) in [
            ("busy now", (0.3, 0.0), true),
            ("busy now", (0.01, 0.1), false),
            ("steal", (0.3, 0.0), false),
            ("steal", (0.01, 0.1), true),
        ] {
            assert_eq!(is_bad(&look(name, Some(sample))), bad, "{name}");
        }
    }
}
