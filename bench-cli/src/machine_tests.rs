use super::*;

#[test]
fn an_endpoints_secrets_are_left_out() {
    for (typed, kept) in [
        ("tcp://user:pw@host:1?key=k", "tcp://…@host:1?…"),
        ("--target=tcp://user:pw@host:1/path", "--target=tcp://…@host:1/path"),
        ("tcp://127.0.0.1:8899", "tcp://127.0.0.1:8899"),
        ("tls://host:1?key=k", "tls://host:1?…"),
        ("tcp://a:1?x=k,unix:///run/x", "tcp://a:1?…,unix:///run/x"),
        ("ha:tcp://user:pw@a:1,tcp://b:2", "ha:tcp://…@a:1,tcp://b:2"),
        ("ha:key=k,tcp://user:pw@a:1", "ha:…,tcp://…@a:1"),
        // A password with what elsewhere divides.
        ("tcp://user:p?w@host", "tcp://…"),
        ("tcp://user:p,w@host", "tcp://…,…"),
        ("tcp://user:p@w@host", "tcp://…@host"),
        ("tcp://user:p/w@host", "tcp://…@host"),
        ("tcp://host?key=a@k", "tcp://…"),
        ("tcp://host?key=a,k", "tcp://…,…"),
        // No endpoint.
        ("--json=out.json", "--json=out.json"),
        ("1,16", "1,16"),
    ] {
        assert_eq!(without_secrets(typed), kept, "{typed}");
    }
}

proptest::proptest! {
    #[test]
    fn no_secret_is_left_whatever_it_is_made_of(
        before in "[-a-z:=,/?@&%]{0,6}", after in "[-a-z:=,/?@&%]{0,6}", is_option: bool,
    ) {
        let secret = format!("{before}S3CRET{after}");
        // That would be an endpoint of its own.
        proptest::prop_assume!(!secret.contains("://"));
        let endpoint = if is_option { format!("tcp://host?key={secret}") } else { format!("tcp://user:{secret}@host") };
        for typed in [endpoint.clone(), format!("--target={endpoint}"), format!("ha:{endpoint},tcp://b:1")] {
            let kept = without_secrets(&typed);
            proptest::prop_assert!(!kept.contains("S3CRET"), "{typed}: {kept}");
        }
    }
}

#[test]
fn an_endpoint_in_a_sentence_is_told_without_secrets() {
    let odd = "tcp://me:pass word@host:1";
    for (said, told) in [
        ("tls://host:1?key=k cannot be reached: refused", "tls://host:1?… cannot be reached: refused"),
        (
            "`bench-cli serve --listen tcp://u:p@h:1`\n starts",
            "`bench-cli serve --listen tcp://…@h:1`\n starts",
        ),
        ("tcp://me:pass word@host:1 is silent", "tcp://…@host:1 is silent"),
        ("host `me:pass word@host` is no name", "host `…@host` is no name"),
        ("the password `pass word` is wrong", "the password `…` is wrong"),
        ("no reply within 5 s: who?", "no reply within 5 s: who?"),
    ] {
        assert_eq!(told_without_secrets(said, Some(odd)), told);
    }
    let typed = Some("tls://host:1?key=S3CRET&pin=ab12");
    for said in ["option key=S3CRET: no such file", "`S3CRET` is no key", "key=S3CRET&pin=ab12"] {
        let told = told_without_secrets(said, typed);
        assert!(!told.contains("S3CRET") && told.contains('…'), "{told}");
    }
}

#[test]
fn the_command_is_as_typed_without_secrets() {
    let line = ["run", "--target", "tcp://user:pw@host:1?key=k", "--parallel", "1,16"];
    let command = typed(line.into_iter().map(str::to_owned));
    assert_eq!(command, "bench-cli run --target tcp://…@host:1?… --parallel 1,16");
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
    let settings: Vec<_> = env.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        settings,
        [
            ("lo.mtu", "65536"),
            ("net.core.somaxconn", "4096"),
            ("vulnerabilities.mds", "Mitigation: Clear buffers"),
        ]
    );
}
