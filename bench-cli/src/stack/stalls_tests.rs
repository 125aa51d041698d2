use std::time::Duration;

use super::*;

fn stalls(stalls: &[Stall]) -> Arc<Stalls> {
    Stalls::of(&CellConfig { stalls: stalls.to_vec(), ..CellConfig::default() })
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[tokio::test(start_paused = true)]
async fn a_stall_counts_from_the_beginning_of_the_window() {
    let stalls = stalls(&[Stall { at: ms(100), length: ms(50) }, Stall { at: ms(120), length: ms(10) }]);
    let start = Instant::now();
    assert_eq!(stalls.until(start + ms(120)), None, "it has not begun");
    stalls.begin(start + ms(1000));
    stalls.begin(start);
    assert_eq!(stalls.until(start + ms(120)), None, "the first word holds");
    assert_eq!(stalls.until(start + ms(1099)), None);
    for at in [1100, 1125, 1149] {
        assert_eq!(stalls.until(start + ms(at)), Some(start + ms(1150)), "{at}");
    }
    assert_eq!(stalls.until(start + ms(1150)), None);
}

#[test]
fn without_stalls_the_transport_is_itself() {
    let registry = crate::registry::Registry::standard();
    let transport = registry.transport("tcp").unwrap();
    let same = stalls(&[]).over(Arc::clone(transport));
    assert!(Arc::ptr_eq(transport, &same));
}
