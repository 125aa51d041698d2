//! Tests of the memory that a read buffer keeps and reports.

use std::mem::size_of;

use super::shared::MOST_RETIRED;
use super::tests::feed;
use super::*;

/// Bytes of the largest shared buffer; each may be twice what was asked for.
const LARGEST: usize = 2 * ReadBuffer::MAX_READ;

#[test]
fn what_slices_keep_alive_is_told_until_they_are_let_go() {
    let mut buffer = ReadBuffer::default();
    let mut slices = Vec::new();
    let mut sliced = 0;
    for _ in 0..100 {
        feed(&mut buffer, &[1; 3000]);
        slices.push(buffer.take(3000));
        sliced += 3000;
        // From there on they are copied.
        assert!(buffer.held() >= sliced.min(64 * 1024), "{} of {sliced}", buffer.held());
    }
    drop(slices);
    assert!(buffer.held() <= 2 * LARGEST);
    buffer.shrink();
    assert_eq!(buffer.held(), 0);
}

#[test]
fn a_thousand_slow_packets_keep_a_few_buffers_alive_and_no_more() {
    // Each of them is the only slice of its buffer that is still held.
    let mut buffer = ReadBuffer::default();
    let mut slow = Vec::new();
    for _ in 0..1000 {
        feed(&mut buffer, &vec![1; 2100 + 200_000]);
        slow.push(buffer.take(2100));
        for _ in 0..50 {
            drop(buffer.take(4000));
        }
    }
    let most = 6 * LARGEST;
    assert!(buffer.held() <= most, "{} bytes", buffer.held());
    let copied: usize = slow.iter().map(Bytes::len).sum();
    assert!(copied > 1000 * 2000, "the rest lies in copies of their own size");
}

#[test]
fn nothing_is_sliced_out_of_a_lean_buffer_and_it_does_not_grow() {
    let mut buffer = ReadBuffer::default();
    buffer.set_lean(true);
    let mut taken = Vec::new();
    for _ in 0..200 {
        feed(&mut buffer, &[1; 10_000]);
        taken.push(buffer.take(10_000));
    }
    assert!(buffer.held() <= 32 * 1024, "{} bytes", buffer.held());
}

#[test]
fn a_buffer_that_rests_keeps_nothing_and_begins_small_again() {
    let mut buffer = ReadBuffer::default();
    for _ in 0..20 {
        let room = buffer.spare().remaining_mut();
        feed(&mut buffer, &vec![1; room]);
        drop(buffer.take(room));
    }
    assert!(buffer.held() >= ReadBuffer::MAX_READ / 2, "a burst makes it large");
    // A read that finds nothing.
    buffer.spare();
    buffer.shrink();
    assert_eq!(buffer.held(), 0);
    assert!(buffer.spare().remaining_mut() <= 4096);
    assert!(buffer.held() <= 4096);
    feed(&mut buffer, b"awake");
    assert_eq!(buffer.take(5), "awake");
}

#[test]
fn a_buffer_shrinks_around_what_waits() {
    let mut buffer = ReadBuffer::default();
    feed(&mut buffer, b"begun");
    buffer.shrink();
    assert_eq!(buffer.peek(5), Some(&b"begun"[..]));
    let large = vec![1; ReadBuffer::OWN_BUFFER_FROM];
    buffer.expect(5 + large.len());
    feed(&mut buffer, &large[..10]);
    buffer.shrink();
    feed(&mut buffer, &large[10..]);
    buffer.skip(5);
    assert_eq!(buffer.take(large.len()), large);
}

#[test]
fn chunks_of_one_byte_cost_about_a_byte_each() {
    let mut buffer = ReadBuffer::default();
    for _ in 0..100_000 {
        buffer.push(Bytes::from_static(b"x"));
    }
    let chunks = buffer.chunks.capacity() * size_of::<Bytes>();
    assert!(buffer.held() + chunks < 4 * 100_000, "{} + {chunks}", buffer.held());
    assert_eq!(buffer.take(100_000), vec![b'x'; 100_000]);
}

#[test]
fn a_packet_that_turns_out_longer_than_expected_is_still_offered_room() {
    // A read into no room would be taken for the end of the stream.
    let mut buffer = ReadBuffer::default();
    let packet = vec![3; 200_000];
    feed(&mut buffer, &packet[..10]);
    buffer.expect(100_000);
    feed(&mut buffer, &packet[10..100_000]);
    buffer.expect(200_000);
    assert!(buffer.spare().has_remaining_mut());
    feed(&mut buffer, &packet[100_000..]);
    assert_eq!(buffer.take(200_000), packet);
}

#[test]
fn buffers_that_were_outgrown_while_slices_kept_them_alive_are_let_go_once_these_are() {
    // Too small to be used again, they stayed among those that slices keep alive, and every later packet was copied.
    let mut buffer = ReadBuffer::default();
    let mut slices = Vec::new();
    while buffer.shared.retired.len() < MOST_RETIRED {
        // Fills its room, so that the next buffer is a larger one.
        let room = buffer.spare().remaining_mut();
        feed(&mut buffer, &vec![1; room]);
        slices.push(buffer.take(room.min(4000)));
        buffer.skip(buffer.len());
    }
    drop(slices);
    feed(&mut buffer, &[1; 8000]);
    let at = buffer.peek(8000).unwrap().as_ptr();
    assert_eq!(buffer.take(4000).as_ptr(), at, "a slice of what was read, no copy");
}
