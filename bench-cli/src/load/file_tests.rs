use super::*;

const PHASE: &str = "[[phase]]\nname = 'a'\nduration = '2s'\nparallel = 2\n";

fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse(text, 7)
}

#[test]
fn a_short_file_has_its_defaults() {
    let scenario = parse(&format!("name = 'x'\n{PHASE}")).unwrap();
    assert_eq!((scenario.warmup, scenario.delay), (Duration::from_secs(1), Duration::from_millis(2)));
    assert_eq!(scenario.requests, [Request { payload: 4096, share: 1.0, one_way: false }]);
    assert_eq!((scenario.duration(), scenario.outstanding()), (Duration::from_secs(2), 2));
}

#[test]
fn every_key_is_read() {
    let scenario = parse(
        "name = 'x'\nwarmup = '0s'\n[[request]]\npayload = '1MiB'\nshare = 0.5\n[[request]]\npayload = '16B'\none_way = true\n\
         [[phase]]\nname = 'open'\nduration = '1s'\nrate = '20k/s'\narrivals = 'fixed'\nmax_in_flight = 100000\n\
         [[phase]]\nname = 'closed'\nduration = '1s'\nparallel = 3\nthink = 'exp:5ms'\n\
         [[fault]]\nat = '100ms'\nlasts = '1900ms'\nkind = 'bandwidth'\namount = '1MiB/s'\n\
         [[fault]]\nat = '1s'\nkind = 'reset'\n[simulation]\ndelay = '10ms'\n",
    )
    .unwrap();
    let open = scenario.phases[0].open.as_ref().unwrap();
    assert_eq!((open.rate, open.arrivals, open.max_in_flight), (20_000.0, Arrivals::Fixed, 100_000));
    assert_eq!(scenario.in_flight(open), 256, "256 MiB of the largest payload");
    let think = Think { mean: Duration::from_millis(5), is_exp: true };
    assert_eq!((scenario.phases[1].parallel, scenario.phases[1].think), (3, Some(think)));
    assert_eq!(scenario.mean_payload(), 1048576.0, "those that are answered");
    assert_eq!((scenario.faults[0].amount, scenario.faults[1].lasts), (1 << 20, Duration::from_secs(1)));
    assert_eq!(scenario.delay, Duration::from_millis(10));
}

#[test]
fn what_is_wrong_is_told_with_its_line_its_text_and_what_is_allowed() {
    let closed = "[[phase]]\nname = 'a'\nduration = '2s'\nparallel = 2";
    let fault = |lines: &str| format!("{closed}\n[[fault]]\n{lines}");
    let table: Vec<(String, usize, &str, &str)> = vec![
        (String::new(), 3, "", "there is no [[phase]]"),
        ("warmup = 1".into(), 2, "warmup = 1", "expected a string"),
        ("warmup = '11m'".into(), 2, "warmup = '11m'", "at most 10m"),
        ("speed = 3".into(), 2, "speed = 3", "unknown field `speed`, expected one of"),
        ("warmup = ".into(), 2, "warmup =", ""),
        ("[[request]]\npayload = '4KB'".into(), 3, "payload = '4KB'", "KiB (1024)"),
        ("[[request]]\npayload = '65MiB'".into(), 3, "payload = '65MiB'", "16B to 64MiB"),
        ("[[request]]\npayload = '1KiB'\nshare = 0".into(), 4, "share = 0", "a weight from"),
        ("[[request]]\npayload = '1KiB'\nshare = nan".into(), 4, "share = nan", "a weight from"),
        (
            "[[request]]\npayload = '1KiB'\none_way = true".into(),
            2,
            "[[request]]",
            "add one that is answered",
        ),
        (closed.replace("= 2", "= 0"), 5, "parallel = 0", "allowed: 1 to 65536"),
        (closed.replace("= 2", "= 70000"), 5, "parallel = 70000", "256MiB together"),
        (closed.replace("'2s'", "'50ms'"), 4, "duration = '50ms'", "at least 100ms"),
        (closed.replace("'2s'", "'25h'"), 4, "duration = '25h'", "allowed: 0s to 1day"),
        (closed.replace("'a'", "''"), 3, "name = ''", "1 to 64 characters"),
        (format!("{closed}\n{closed}"), 7, "name = 'a'", "an earlier phase has this name"),
        (format!("{closed}\nrate = '1k'"), 5, "parallel = 2", "keep one of them"),
        (format!("{closed}\nrate = '1 k/m'"), 6, "rate = '1 k/m'", "20k or 1.5M"),
        (closed.replace("parallel = 2", ""), 2, "[[phase]]", "add one"),
        (format!("{closed}\narrivals = 'exp'"), 6, "arrivals = 'exp'", "give rate instead"),
        (format!("{closed}\nmax_in_flight = 5"), 6, "max_in_flight = 5", "give rate instead"),
        (format!("{closed}\nthink = '0s'"), 6, "think = '0s'", "allowed: 1ms to 1m"),
        (
            closed.replace("parallel = 2", "rate = '1k'\nthink = '1ms'"),
            6,
            "think = '1ms'",
            "give parallel instead",
        ),
        (
            closed.replace("parallel = 2", "rate = '1k'\nmax_in_flight = 0"),
            6,
            "max_in_flight = 0",
            "1 to 1000000",
        ),
        (closed.replace("parallel = 2", "rate = '1k'\narrivals = 'x'"), 6, "arrivals = 'x'", "fixed"),
        (
            fault("at = '1s'\nkind = 'partition'\nlasts = '1s'"),
            8,
            "kind = 'partition'",
            "allowed: stall, slice,",
        ),
        (fault("at = '1s'\nkind = 'stall'"), 6, "[[fault]]", "add lasts"),
        (fault("at = '3s'\nkind = 'stall'\nlasts = '1s'"), 7, "at = '3s'", "which last 2s"),
        (fault("at = '1s'\nkind = 'stall'\nlasts = '2s'"), 9, "lasts = '2s'", "which last 2s"),
        (fault("at = '2s'\nkind = 'reset'"), 7, "at = '2s'", "which last 2s"),
        (fault("at = '1500us'\nkind = 'reset'"), 7, "at = '1500us'", "whole milliseconds"),
        (fault("at = '1s'\nkind = 'delay'\nlasts = '1s'"), 6, "[[fault]]", "such as 5ms"),
        (fault("at = '1s'\nkind = 'delay'\nlasts = '1s'\namount = '5'"), 10, "amount = '5'", "such as 500ms"),
        (fault("at = '1s'\nkind = 'stall'\nlasts = '1s'\namount = '5'"), 10, "amount = '5'", "has no amount"),
        (format!("{closed}\n[simulation]\ndelay = '1ms'"), 7, "delay = '1ms'", "2ms to 10s"),
    ];
    for (text, line, shown, why) in table {
        let phase = if text.is_empty() || text.contains("[[phase]]") { "" } else { PHASE };
        let error = parse(&format!("name = 'x'\n{text}\n{phase}")).unwrap_err();
        assert_eq!((error.line, error.text.as_str()), (line, shown), "{text}\n{error}");
        assert!(error.to_string().contains(why), "{text}\n{error}");
    }
    assert!(parse(PHASE).unwrap_err().why.contains("missing field `name`"));
}

#[test]
fn there_may_be_so_many_and_no_more() {
    let phases =
        |count: usize| (0..count).map(|at| PHASE.replace("'a'", &format!("'{at}'"))).collect::<String>();
    parse(&format!("name = 'x'\n{}", phases(MOST))).unwrap();
    assert!(parse(&format!("name = 'x'\n{}", phases(MOST + 1))).unwrap_err().why.contains("at most 32"));
    let faults = |count| "[[fault]]\nat = '1s'\nkind = 'reset'\n".repeat(count);
    parse(&format!("name = 'x'\n{PHASE}{}", faults(MOST_FAULTS))).unwrap();
    assert!(
        parse(&format!("name = 'x'\n{PHASE}{}", faults(MOST_FAULTS + 1)))
            .unwrap_err()
            .why
            .contains("at most 100")
    );
    let requests = |count| "[[request]]\npayload = '16B'\n".repeat(count);
    assert!(
        parse(&format!("name = 'x'\n{}{PHASE}", requests(MOST + 1))).unwrap_err().why.contains("at most 32")
    );
    let long = PHASE.replace("2s", "20h");
    let long = format!("name = 'x'\n{long}{}", long.replace("'a'", "'b'"));
    assert!(parse(&long).unwrap_err().why.contains("at most 1day"));
}

#[test]
fn the_names_of_faults_are_the_simulations_and_each_can_be_given() {
    let names = FaultKind::names();
    assert!(names.contains(&"dial-refused") && !names.contains(&"corrupt-to-client"), "{names:?}");
    for name in names {
        let kind = FaultKind::named(name).unwrap();
        assert_eq!(kind.name(), name);
        let amount = kind.amount().map_or_else(String::new, |unit| format!("amount = '{}'", example(unit)));
        let text =
            format!("name = 'x'\n{PHASE}[[fault]]\nat = '0s'\nlasts = '1s'\nkind = '{name}'\n{amount}\n");
        assert_eq!(parse(&text).unwrap().faults[0].kind, kind, "{name}");
    }
}
