use super::*;
use proptest::prelude::*;

pub(super) fn feed(buffer: &mut ReadBuffer, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let mut spare = buffer.spare();
        let count = bytes.len().min(spare.remaining_mut());
        spare.put_slice(&bytes[..count]);
        bytes = &bytes[count..];
    }
}

#[test]
fn an_expected_packet_grows_only_as_its_bytes_arrive() {
    let mut buffer = ReadBuffer::default();
    feed(&mut buffer, &[1; 10]);
    buffer.expect(1 << 30);
    assert!(buffer.open.capacity() <= ReadBuffer::MAX_READ);
    feed(&mut buffer, &vec![1; 300_000]);
    assert!(buffer.open.capacity() <= 1 << 20);
}

#[test]
fn a_large_packet_is_read_into_its_own_buffer_and_never_past_its_end() {
    let pool = Arc::new(RecyclingPool::default());
    let mut buffer = ReadBuffer::new(pool.clone());
    let packet: Vec<u8> = (0..200_000u32).map(|i| i as u8).collect();
    feed(&mut buffer, &packet[..5]);
    buffer.expect(packet.len());
    feed(&mut buffer, &packet[5..]);
    let whole = buffer.take(packet.len());
    assert_eq!(whole, packet);
    assert!(buffer.is_empty());
    drop(whole);
    assert!(pool.kept_bytes() >= packet.len(), "the buffer came back");
    feed(&mut buffer, b"next");
    assert_eq!(buffer.take(4), "next");
}

#[test]
fn the_first_read_behind_a_large_packet_is_short_so_that_little_of_the_next_one_is_copied() {
    let mut buffer = ReadBuffer::default();
    let packet = vec![7; 200_000];
    for _ in 0..2 {
        feed(&mut buffer, &packet[..20]);
        buffer.expect(packet.len());
        feed(&mut buffer, &packet[20..]);
        buffer.skip(20);
        drop(buffer.take(packet.len() - 20));
        // A read that finds nothing changes nothing.
        assert_eq!(buffer.spare().remaining_mut(), 4096);
        assert_eq!(buffer.spare().remaining_mut(), 4096);
    }
    feed(&mut buffer, &[7; 20]);
    assert!(buffer.spare().remaining_mut() > 4096, "what comes now may be anything");
}

#[test]
fn there_is_room_however_much_waits() {
    let mut buffer = ReadBuffer::default();
    while buffer.len() < 2_000_000 {
        let waiting = buffer.len();
        let mut spare = buffer.spare();
        let room = spare.remaining_mut();
        assert!(room > 0, "no room behind {waiting} bytes");
        spare.put_bytes(0, room);
    }
}

#[test]
fn room_that_is_offered_behind_what_waits_is_there_already() {
    let mut buffer = ReadBuffer::default();
    feed(&mut buffer, &[0; 3000]);
    let room = buffer.spare().remaining_mut();
    let capacity = buffer.open.capacity();
    buffer.spare().put_bytes(0, room);
    assert_eq!((buffer.open.capacity(), buffer.open.len()), (capacity, capacity));
}

#[test]
fn a_channel_of_small_reads_keeps_a_small_buffer_and_one_of_full_reads_gets_a_large_one() {
    let mut quiet = ReadBuffer::default();
    for _ in 0..1000 {
        feed(&mut quiet, &[0; 4096]);
        quiet.skip(4096);
    }
    assert!(quiet.open.capacity() <= 32 * 1024, "{}", quiet.open.capacity());
    let mut busy = ReadBuffer::default();
    for _ in 0..20 {
        let room = busy.spare().remaining_mut();
        feed(&mut busy, &vec![0; room]);
        busy.skip(room);
    }
    assert!(busy.spare().remaining_mut() > ReadBuffer::MAX_READ / 2);
}

proptest! {
    #[test]
    fn whatever_goes_in_comes_out_in_order(
        pieces in proptest::collection::vec((any::<bool>(), 1usize..5000), 1..40),
        takes in proptest::collection::vec(1usize..7000, 1..80),
        expects in proptest::collection::vec(0usize..200_000, 1..10),
    ) {
        let mut buffer = ReadBuffer::default();
        let mut written = 0usize;
        let byte = |at: usize| (at % 251) as u8;
        let mut read = 0usize;
        let (mut takes, mut expects) = (takes.into_iter().cycle(), expects.into_iter().cycle());
        let mut held = Vec::new();
        for (moved, size) in pieces {
            let piece: Vec<u8> = (written..written + size).map(byte).collect();
            written += size;
            if moved { buffer.push(piece.into()) } else { feed(&mut buffer, &piece) }
            let count = takes.next().unwrap_or(1);
            if count <= buffer.len() {
                prop_assert_eq!(buffer.peek(count.min(20)).map(<[u8]>::to_vec),
                    Some((read..read + count.min(20)).map(byte).collect()));
                let header = if expects.next().unwrap_or(0) % 2 == 0 { count.min(20) } else { 0 };
                let taken =
                    if header == 0 { buffer.take(count) } else { buffer.take_behind(header, count - header) };
                read += header;
                prop_assert_eq!(taken.len(), count - header);
                prop_assert!(taken.iter().enumerate().all(|(i, b)| *b == byte(read + i)));
                read += taken.len();
                held.push(taken);
            } else if expects.next().unwrap_or(0) % 3 == 0 {
                buffer.expect(count.max(buffer.len() + 1));
            }
        }
        let rest = buffer.take(written - read);
        prop_assert!(rest.iter().enumerate().all(|(i, b)| *b == byte(read + i)));
    }
}

#[test]
fn a_few_bytes_do_not_keep_a_large_buffer_alive() {
    // A thousand requests of 16 bytes once kept a quarter of a gigabyte.
    let pool = Arc::new(RecyclingPool::default());
    let mut buffer = ReadBuffer::new(pool.clone());
    buffer.expect(100_000);
    feed(&mut buffer, &[7; 100_000]);
    let small = buffer.take(16);
    buffer.skip(100_000 - 16);
    assert!(pool.kept_bytes() >= 100_000, "the buffer came back though 16 of its bytes are held");
    assert_eq!(small, [7; 16][..]);
}

#[test]
fn large_packets_out_of_many_chunks_share_one_buffer_one_after_another() {
    // Buffers of less than a class came back to the class below, where nobody looked for them.
    let pool = Arc::new(RecyclingPool::default());
    let mut buffer = ReadBuffer::new(pool.clone());
    for _ in 0..10 {
        for _ in 0..3 {
            buffer.push(Bytes::from(vec![7; 65_000]));
        }
        assert_eq!(buffer.take(195_000).len(), 195_000);
        assert_eq!(pool.kept_bytes(), 256 * 1024);
    }
}
