//! The table of the original's README: another machine's figures, shown beside ours and never compared with them.

/// The machine that the figures below belong to.
pub const MACHINE: &str = "Apple M1, 16 GB, macOS 11.2";

/// One row of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OriginalRow {
    /// Requests outstanding on one TCP connection.
    pub parallel: u64,
    /// Payload, bytes.
    pub payload_bytes: u64,
    /// Requests a second.
    pub tps: f64,
    /// As printed: headed "Gib/s", but decimal Gbit/s of payload, one way.
    pub gbit_per_s: f64,
    /// CPU of client and server together; 100 = one core.
    pub cpu_percent: f64,
    /// Memory of client and server together, MiB.
    pub mem_mib: f64,
}

const fn row(
    parallel: u64,
    payload_kib: u64,
    tps: f64,
    gbit_per_s: f64,
    cpu_percent: f64,
    mem_mib: f64,
) -> OriginalRow {
    OriginalRow { parallel, payload_bytes: payload_kib * 1024, tps, gbit_per_s, cpu_percent, mem_mib }
}

/// The rows in their order.
pub const ROWS: [OriginalRow; 12] = [
    row(1, 4, 27_500.0, 0.911, 132.0, 48.0),
    row(4, 4, 50_000.0, 1.638, 255.0, 100.0),
    row(16, 4, 60_000.0, 1.966, 275.0, 157.0),
    row(1, 32, 18_000.0, 4.719, 172.0, 42.0),
    row(4, 32, 36_000.0, 9.437, 263.0, 84.0),
    row(16, 32, 34_000.0, 8.912, 310.0, 86.0),
    row(1, 256, 8_400.0, 17.616, 176.0, 32.0),
    row(4, 256, 9_200.0, 19.293, 265.0, 36.0),
    row(16, 256, 8_300.0, 17.406, 245.0, 40.0),
    row(1, 4096, 760.0, 25.501, 190.0, 82.0),
    row(4, 4096, 550.0, 18.455, 260.0, 132.0),
    row(1000, 4096, 550.0, 18.455, 255.0, 4259.0),
];

/// The original's row of that size, if it published one.
#[must_use]
pub fn find(parallel: u64, payload_bytes: u64) -> Option<&'static OriginalRow> {
    ROWS.iter().find(|row| (row.parallel, row.payload_bytes) == (parallel, payload_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Cell;

    #[test]
    fn the_originals_bandwidth_is_decimal_gigabits_one_way() {
        // Its first row has a misprint: 27,500 x 4 KiB is 0.901, not 0.911.
        for row in &ROWS[1..] {
            let ours = Cell::gbit_per_s(row.tps, row.payload_bytes);
            assert!((ours - row.gbit_per_s).abs() < 0.002, "{row:?} {ours}");
        }
    }
}
