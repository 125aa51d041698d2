use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::*;

/// A terminal that remembers, as large as it is told.
#[derive(Clone)]
struct Memory(Arc<Mutex<vt100::Parser>>);

impl Memory {
    fn new(rows: u16, columns: u16) -> Self {
        Self(Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0))))
    }

    fn view(&self, launches: usize) -> View {
        let size = self.clone();
        let size = move || {
            let (rows, columns) = size.0.lock().unwrap().screen().size();
            (usize::from(rows), usize::from(columns))
        };
        View {
            block: Block::new(launches, Duration::from_secs(60), false),
            began: Instant::now(),
            place: Place::Block(Screen::new(Box::new(self.clone()), Box::new(size))),
        }
    }

    fn rows(&self) -> Vec<String> {
        let terminal = self.0.lock().unwrap();
        let rows = terminal.screen().rows(0, terminal.screen().size().1);
        let rows: Vec<_> = rows.map(|row| row.trim_end().to_owned()).collect();
        let last = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1);
        rows[..last].to_vec()
    }

    fn resize(&self, rows: u16, columns: u16) {
        self.0.lock().unwrap().screen_mut().set_size(rows, columns);
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().process(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tick(tps: f64) -> Tick {
    Tick {
        at_s: 1.0,
        tps,
        p50_us: Some(12.3),
        p99_us: Some(45.6),
        max_us: Some(1234.0),
        client_cpu_percent: Some(98.0),
        server_cpu_percent: Some(76.0),
        dropped: 2,
        errors: 0,
        is_warm_up: false,
    }
}

fn config() -> CellConfig {
    CellConfig { parallel: 16, ..CellConfig::default() }
}

#[test]
fn the_block_has_every_figure_and_is_drawn_in_place() {
    let memory = Memory::new(24, 120);
    memory.clone().write_all(b"$ bench-cli run\r\n").unwrap();
    let mut view = memory.view(24);
    view.begins(&config(), 1, 5);
    for tps in [0.0, 60_000.0, 123_456.0] {
        view.tick(&tick(tps));
    }
    let rows = memory.rows();
    assert_eq!(rows.len(), 5, "{rows:#?}");
    assert_eq!(rows[0], "$ bench-cli run");
    assert!(rows[1].contains(" 1/24, launch 2/5  ") && rows[1].contains(" to go  tcp listenrain 16 x 4KiB"));
    assert_eq!(
        rows[2..],
        [
            "  tps          123,456  ▁▄█",
            "  last s   p50 12.3 µs   p99 45.6 µs   max 1,234 µs",
            "  cpu %    client 98, server 76   dropped 2   errors 0",
        ]
    );
    view.tick(&Tick { is_warm_up: true, ..tick(1.0) });
    assert!(memory.rows()[2].ends_with("warming up"), "{:#?}", memory.rows());
}

#[test]
fn a_narrow_terminal_has_every_figure_too() {
    let memory = Memory::new(24, 60);
    let mut view = memory.view(24);
    view.begins(&config(), 0, 1);
    (0..100).for_each(|_| view.tick(&tick(123_456.0)));
    let rows = memory.rows();
    assert!(rows[0].starts_with("1/24  ") && rows[1].starts_with("tcp listenrain 16"), "{rows:#?}");
    assert!(rows[2].starts_with("123,456 tps  ███") && rows[2].chars().count() <= 57, "{rows:#?}");
    assert_eq!(
        rows[3..],
        ["µs: p50 12.3  p99 45.6  max 1,234", "cpu %: client 98, server 76", "dropped 2   errors 0"]
    );
}

#[test]
fn nothing_is_left_of_it_in_the_end_whatever_the_size() {
    for (rows, columns) in [(24, 120), (24, 60), (24, 20), (3, 120), (1, 1), (2, 5)] {
        let memory = Memory::new(rows, columns);
        let mut view = memory.view(2);
        view.begins(&config(), 0, 2);
        view.tick(&tick(1.0));
        view.ended(&config(), &Cell::default());
        view.tick(&tick(2.0));
        drop(view);
        assert_eq!(memory.rows(), Vec::<String>::new(), "{rows} x {columns}");
    }
}

#[test]
fn another_size_is_drawn_anew() {
    let memory = Memory::new(24, 120);
    let mut view = memory.view(2);
    view.begins(&config(), 0, 1);
    view.tick(&tick(1.0));
    memory.resize(24, 200);
    view.tick(&tick(1.0));
    assert_eq!(memory.rows().len(), 4, "{:#?}", memory.rows());
}

#[test]
fn a_launch_is_a_line_where_nobody_watches() {
    let cell = Cell { tps: 12_345.0, errors: 2, ..Cell::default() };
    assert_eq!(
        line((1, 24), &config(), &cell),
        "1/24  tcp listenrain 16 x 4KiB on current: 12,345 tps, 2 errors"
    );
    assert!(line((2, 24), &config(), &Cell::default()).ends_with(": 0 tps"));
}
