use super::*;
use crate::cell::protocol::WindowFigures;
use crate::load::OpenConfig;
use listenrain_results::Times;

/// A mark at so many seconds, when so much CPU had been used.
fn mark(at_s: u64, cpu_s: u64) -> Snapshot {
    Snapshot { at: Duration::from_secs(at_s), user: Duration::from_secs(cpu_s), ..Snapshot::default() }
}

/// Three windows of a second, of which the first is cut off.
fn measured() -> Measured {
    Measured {
        windows: vec![WindowFigures { requests: 10, ..WindowFigures::default() }; 3],
        cut: 1,
        requests: 20,
        service: Times { count: 20, mean: 100_000.0, ..Times::default() },
        marks: vec![mark(5, 1), mark(6, 4), mark(7, 5), mark(8, 6)],
        peak_mib: Some(10.0),
        ..Measured::default()
    }
}

#[test]
fn both_ends_are_charged_for_the_same_marks() {
    // Defect 9 of other tools: a server's CPU from its start on. It used 90 s before the first mark that counts.
    let served =
        Served { marks: vec![mark(0, 0), mark(6, 90), mark(7, 92), mark(8, 94)], peak_mib: Some(7.0) };
    let config = CellConfig { placement: Placement::Split, ..CellConfig::default() };
    let cell = cell(&config, measured(), Some(&served), 0.0);
    let (client, server) = (cell.usage.client.unwrap(), cell.usage.server.unwrap());
    assert_eq!((client.cpu_percent, server.cpu_percent), (100.0, 200.0));
    assert_eq!((cell.cpu_percent, cell.rss_mib), (Some(300.0), Some(17.0)));
    assert_eq!((cell.tps, cell.duration_s), (10.0, 2.0));
    assert_eq!(client.cpu_us_per_request, 100_000.0);
    assert_eq!((cell.series.tps.len(), cell.series.server_cpu_percent.len(), cell.series.cut), (3, 3, 1));
}

#[test]
fn one_process_has_no_sides_and_a_server_elsewhere_no_sum() {
    let same = cell(&CellConfig::default(), measured(), None, 0.0);
    assert!(same.usage.both.is_some() && same.usage.client.is_none());
    let config = CellConfig { target: Some("tcp://elsewhere:1".to_owned()), ..CellConfig::default() };
    let target = cell(&config, measured(), None, 0.0);
    assert!(target.usage.both.is_none() && target.usage.client.is_some() && target.cpu_percent.is_none());
    assert_eq!((same.placement.as_str(), target.placement.as_str()), ("same", "target"));
}

#[test]
fn a_generator_that_lagged_marks_its_row() {
    let open = Some(OpenConfig {
        rate: 10.0,
        arrivals: crate::load::Arrivals::Fixed,
        max_in_flight: 4,
        pacer: crate::load::PacerChoice::Thread,
        seed: 1,
    });
    let config = CellConfig { open, ..CellConfig::default() };
    let lag = |p99, p50| Measured {
        response: Some(Times { p50: Some(p50), ..Times::default() }),
        send_lag: Some(Times { p99: Some(p99), ..Times::default() }),
        ..measured()
    };
    assert!(!cell(&config, lag(900.0, 50.0), None, 0.0).generator_limited);
    let lagged = cell(&config, lag(1_100.0, 50.0), None, 0.0);
    assert!(lagged.generator_limited, "{lagged:?}");
    assert!(!cell(&config, lag(1_100.0, 20_000.0), None, 0.0).generator_limited);
    assert_eq!(lagged.littles_law.off_by(), 0.0, "an open loop plans no number of outstanding requests");
}

#[test]
fn a_cell_of_which_nothing_was_measured_says_why() {
    let cell = failed(&CellConfig::default(), "no");
    assert!(!cell.is_well() && cell.error_samples == ["no"] && cell.launches.len() == 1);
}

#[test]
fn no_secret_of_an_endpoint_comes_into_a_run() {
    let target = "tls://me:S3CRET@host:1?key=S3CRET".to_owned();
    let config = CellConfig { target: Some(target.clone()), ..CellConfig::default() };
    let said = Measured {
        error_kinds: [("lost".to_owned(), 1)].into(),
        error_samples: vec![format!("{target}: gone"), "tcp://a:S3CRET@b is silent".to_owned()],
        ..measured()
    };
    for cell in [
        failed(
            &config,
            &format!("{target} cannot be reached: refused; `serve --listen {target}` starts one"),
        ),
        cell(&config, said, None, 0.0),
    ] {
        let json = listenrain_results::Run::new(Default::default(), vec![cell.clone()]).to_json();
        assert!(!json.contains("S3CRET") && json.contains("tls://"), "{json}");
        assert!(!cell.error_samples.is_empty() && cell.target.is_some());
    }
    assert!(failed(&config, "no: refused").error_samples[0].ends_with("no: refused"));
}
