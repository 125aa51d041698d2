use super::*;
use crate::schema::{Env, OpenLoop, Usages};

fn cell() -> Cell {
    Cell {
        transport: "tcp".to_owned(),
        stack: "listenrain".to_owned(),
        parallel: 1,
        payload_bytes: 4096,
        tps: 196_000.4,
        gbit_per_s: 6.4225,
        cpu_percent: Some(99.6),
        service_us: Times { p50: Some(5.0), p99: Some(9.4), max: 1200.0, ..Times::default() },
        ..Cell::default()
    }
}

fn text(cells: Vec<Cell>) -> String {
    markdown(&Run::new(Env::default(), cells))
}

#[test]
fn a_row_stands_beside_the_originals() {
    let bare = Cell { stack: "bare".to_owned(), tps: 392_000.8, ..cell() };
    let text = text(vec![cell(), bare]);
    assert_eq!(
        text.lines().nth(2).unwrap(),
        "| 1 | 4 KiB | 196,000 | 6.42 | 100 | n/a | 5 / 9 / 1,200 | 50 | 27,500 | 0.91 | 132 | 48 |"
    );
    assert_eq!(text.lines().count(), 3);
}

#[test]
fn launches_add_an_interval_and_sides_add_their_own_figures() {
    let side = |cpu_percent, rss| Usage {
        cpu_percent,
        cpu_us_per_request: 4.25,
        cpu_us_per_kib: 1.0625,
        rss_peak_mib: Some(rss),
        ..Usage::default()
    };
    let cell = Cell {
        tps_interval: Some(Interval { mean: 196_000.0, low: 186_200.0, high: 205_800.0, n: 5 }),
        usage: Usages { both: None, client: Some(side(71.0, 6.0)), server: Some(side(88.0, 9.0)) },
        ..cell()
    };
    let text = text(vec![cell]);
    assert!(text.contains("tps ± 95 %") && text.contains("cpu µs a request, client / server"), "{text}");
    assert!(
        text.contains("| 196,000 ± 5.0 % | 6.42 | 71 / 88 | 4.25 / 4.25 | 1.06 / 1.06 | 6 / 9 |"),
        "{text}"
    );
}

#[test]
fn an_open_loop_has_a_table_of_response_times_of_its_own() {
    let us = |p50, p99, max| Times { p50: Some(p50), p99: Some(p99), max, ..Times::default() };
    let open = Cell {
        open_loop: Some(OpenLoop { rate: 20_000.0, dropped: 3, ..OpenLoop::default() }),
        response_us: Some(us(80.0, 900.0, 501_000.0)),
        send_lag_us: Some(us(2.0, 11.0, 12.0)),
        ..cell()
    };
    let text = text(vec![cell(), open]);
    let (closed, open) = text.split_once("\n\n").unwrap();
    assert!(closed.contains("service p50 / p99 / max") && !closed.contains("response"));
    assert!(open.contains("| 20,000 | 4 KiB | 196,000 |"), "{open}");
    assert!(open.contains("| 80 / 900 / n/a / 501,000 | 5 | 11 | 3 | n/a |"), "{open}");
    assert!(!open.contains("original"), "the original has no open loop");
}

#[test]
fn only_what_differs_between_rows_has_a_column() {
    let other = Cell { transport: "a|b".to_owned(), ..cell() };
    let text = text(vec![cell(), other]);
    assert!(text.starts_with("| transport | parallel |"), "{text}");
    assert!(text.contains("| a\\|b | 1 |"), "{text}");
}
