//! Bytes: what comes in from hostile peers, and what goes out.

use crate::support::*;
use bytes::BytesMut;
use proptest::prelude::*;

const MAX: usize = 300;

fn codecs() -> [Box<dyn PacketCodec>; 2] {
    [
        Box::new(NativePackets::default().with_max_packet(MAX)),
        Box::new(OriginalPackets::default().with_max_packet(MAX)),
    ]
}

fn all_packets(codec: &dyn PacketCodec, input: &mut ReadBuffer) -> Result<Vec<Packet>, PacketError> {
    let mut packets = Vec::new();
    while !input.is_empty() {
        match codec.decode(input)? {
            Decoded::Packet(packet) => packets.push(packet),
            Decoded::Incomplete { whole } => {
                input.expect(whole.unwrap_or(0));
                break;
            }
            Decoded::TooLarge { size, .. } => return Err(PacketError::TooLarge { size, limit: MAX }),
            other => panic!("{other:?}"),
        }
    }
    Ok(packets)
}

/// A native header whose every byte may be any, and a body that is mostly as long as the header says. Lengths are mostly
/// such as may be, or nothing beyond them would be decoded.
fn almost_a_packet() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let length = prop_oneof![8 => 0..=MAX as u32 + 1, 1 => any::<u32>()];
    let off_by = prop_oneof![4 => Just(0usize), 1 => 0usize..20];
    (any::<[u8; 20]>(), prop_oneof![9 => Just(true), 1 => Just(false)], 0u8..12, length, off_by)
        .prop_flat_map(|(mut header, has_magic, kind, length, off_by)| {
            if has_magic {
                (header[0], header[1]) = (0x4C, kind);
            }
            header[4..8].copy_from_slice(&length.to_be_bytes());
            let body = (length as usize).min(2 * MAX) + off_by;
            (Just(header.to_vec()), proptest::collection::vec(any::<u8>(), body))
        })
}

/// Headers with their bodies, noise behind them, and how much is cut off at the end.
type Hostile = (Vec<(Vec<u8>, Vec<u8>)>, Vec<u8>, usize);

/// Some such packets, what follows them, and how much of the end is missing.
fn hostile() -> impl Strategy<Value = Hostile> {
    let packets = proptest::collection::vec(almost_a_packet(), 1..4);
    (packets, proptest::collection::vec(any::<u8>(), 0..40), 0usize..100)
}

fn encoded(codec: &dyn PacketCodec, packet: &Packet) -> Result<Bytes, PacketError> {
    let mut output = WriteBuffer::default();
    codec.encode(packet, &mut output)?;
    let mut bytes = BytesMut::new();
    while let Some(segment) = output.take_segment() {
        bytes.extend_from_slice(&segment);
    }
    Ok(bytes.freeze())
}

proptest! {
    #[test]
    fn no_bytes_make_a_codec_panic((packets, noise, cut) in hostile()) {
        // LR20, LR21: eight bytes from the wire were a slice out of bounds, and the end of the process.
        let [native, original] = codecs();
        let (mut of_native, mut of_original) = (Vec::new(), Vec::new());
        for (header, body) in &packets {
            of_native.extend(header);
            of_native.extend(body);
            of_original.extend(&header[4..8]);
            of_original.extend(body);
        }
        for (codec, mut bytes) in [(native, of_native), (original, of_original)] {
            bytes.extend(&noise);
            bytes.truncate(bytes.len().saturating_sub(cut));
            let mut input = ReadBuffer::default();
            input.push(bytes.into());
            let _ = all_packets(&*codec, &mut input);
        }
    }

    #[test]
    fn packets_come_out_as_they_went_in_however_they_are_cut(
        sizes in proptest::collection::vec(0..=MAX, 1..20), cuts in proptest::collection::vec(1usize..400, 1..40)
    ) {
        for codec in codecs() {
            let payloads: Vec<Bytes> = sizes.iter().map(|size| vec![*size as u8; *size].into()).collect();
            let mut stream = BytesMut::new();
            for payload in &payloads {
                let packet = Packet::new(Kind::Plain, 7, payload.clone());
                stream.extend_from_slice(&encoded(&*codec, &packet).unwrap());
            }
            let (mut stream, mut input, mut got) = (stream.freeze(), ReadBuffer::default(), Vec::new());
            for cut in cuts.iter().cycle() {
                input.push(stream.split_to((*cut).min(stream.len())));
                got.extend(all_packets(&*codec, &mut input).unwrap());
                if stream.is_empty() {
                    break;
                }
            }
            let got: Vec<_> = got.into_iter().map(|packet| packet.payload.into_bytes()).collect();
            prop_assert_eq!(&got, &payloads);
        }
    }
}

#[test]
fn a_payload_of_every_size_at_the_limit_is_taken_and_one_beyond_refused() {
    // LR19: the original cut a length to 32 bits and lost its place in the stream.
    for codec in codecs() {
        for size in [0, 1, MAX - 1, MAX] {
            let packet = Packet::new(Kind::Plain, 0, vec![1; size]);
            let mut input = ReadBuffer::default();
            input.push(encoded(&*codec, &packet).unwrap());
            let packets = all_packets(&*codec, &mut input).unwrap();
            assert_eq!((packets.len(), packets[0].payload.len()), (1, size));
        }
        let too_large = Packet::new(Kind::Plain, 0, vec![1; MAX + 1]);
        let error = encoded(&*codec, &too_large).unwrap_err();
        assert_eq!(error, PacketError::TooLarge { size: MAX as u64 + 1, limit: MAX });
    }
}

#[test]
fn a_claimed_length_beyond_the_limit_is_refused_as_soon_as_it_is_seen() {
    // LR18: four bytes made the original reserve 4 GiB.
    let mut native = vec![0x4C, 1, 0, 0];
    native.extend((MAX as u32 + 1).to_be_bytes());
    native.extend([0; 12]);
    let original = (MAX as u32 + 1).to_be_bytes().to_vec();
    for (codec, header) in codecs().into_iter().zip([native, original]) {
        let mut input = ReadBuffer::default();
        input.push(header.into());
        let error = all_packets(&*codec, &mut input).unwrap_err();
        assert_eq!(error, PacketError::TooLarge { size: MAX as u64 + 1, limit: MAX });
    }
}

/// Counts what is reserved for packets of which no byte has come.
#[derive(Debug, Default)]
struct Reserved(AtomicUsize);

impl BufferPool for Reserved {
    fn lend(&self, len: usize, committed: usize) -> BytesMut {
        let buffer = BytesMut::with_capacity(len.min(committed));
        self.0.fetch_add(buffer.capacity(), SeqCst);
        buffer
    }

    fn give_back(&self, _: BytesMut) {}
}

#[tokio::test(start_paused = true)]
async fn a_thousand_claims_of_the_largest_packet_reserve_a_read_each() {
    // LR18: 1,000 channels that claim 64 MiB each and send nothing more.
    let reserved = Arc::new(Reserved::default());
    let protocol = in_packets(NativePackets::default().with_buffers(reserved.clone()));
    let net = Net::new();
    let server = net.serve(Server::builder(protocol, echo()));
    let mut peers = Vec::new();
    for _ in 0..1000 {
        let mut peer = net.peer().await;
        let mut header = Frame::new(REQUEST, 1, "").bytes();
        header[4..8].copy_from_slice(&(64u32 << 20).to_be_bytes());
        peer.send_bytes(&header).await;
        peers.push(peer);
    }
    settle().await;
    assert_eq!(server.counts().received_bytes, 20_000);
    let reserved = reserved.0.load(SeqCst);
    assert!(reserved <= 1000 * 16 * 1024, "{reserved} bytes for 20,000 that came");
}

#[tokio::test(start_paused = true)]
async fn an_empty_packet_is_legal() {
    // LR20: four zero bytes were the end of the original's process.
    let (_net, _server, mut peer) = served(Server::builder(in_order(), echo())).await;
    peer.send_bytes(&[0; 4]).await;
    assert_eq!(peer.read_original().await.unwrap(), b"");
    peer.send_original("still there").await;
    assert_eq!(peer.read_original().await.unwrap(), b"still there");
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_packet_close_their_channel_and_no_other() {
    // LR21: hostile bytes took the process, and every other connection, with them.
    let (net, server, client) = linked(echo()).await;
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x4C, 6, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF], &[0; 64]] {
        let mut peer = net.peer().await;
        peer.send_bytes(bytes).await;
        peer.send_bytes(&[0; 12]).await;
        peer.drain().await;
    }
    assert_eq!((server.counts().decode_errors, server.connections()), (3, 1));
    assert_eq!(client.call(Bytes::from("x")).await.unwrap(), "x");
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_packets_is_one_write() {
    // LR32: two writes a packet, one for its header and one for its payload.
    let (net, _peers, mut peer, client) = dialled(dialling(native())).await;
    settle().await;
    let before = net.line(0).writes();
    let all: Vec<_> = (0..100).map(|_| told()).collect();
    for (machine, _) in all {
        client.send(Bytes::from("payload"), machine).await;
    }
    peer.requests(100).await;
    assert_eq!(net.line(0).writes(), before + 1);
    let _told = send_to(&client, Bytes::from("one more"), secs(5)).await;
    peer.expect(REQUEST).await;
    assert_eq!((net.line(0).writes(), client.counts().writes as usize), (before + 2, before + 2));
}

#[tokio::test(start_paused = true)]
async fn queued_packets_leave_in_order_and_none_is_left_behind() {
    // LR11: the original's drain stopped half-way, whatever the queue held.
    for count in [1, 2, 4, 127, 128, 500] {
        let (net, mut peers, client) = hanging(dialling(native()));
        for number in 0..count {
            client.one_way(Bytes::from(format!("{number}"))).await.unwrap();
        }
        net.hang(false);
        client.ready().await.unwrap();
        client.close().await;
        let frames = peers.next().await.read_all().await;
        let expected = (0..count).map(|number| Frame::new(ONE_WAY, 0, number.to_string()));
        assert_eq!(frames, expected.collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_too_large_for_a_packet_is_refused_to_its_caller() {
    // LR19: the length did not fit its field.
    let (_net, mut peer, client) = by_hand(in_packets(NativePackets::default().with_max_packet(64))).await;
    let refused = client.call(Bytes::from(vec![0; 65])).await;
    assert_fails!(refused, CallError::Refused(Refusal::TooLarge { size: 65, limit: 64 }));
    let _call = calling(&client, vec![7; 64], secs(5));
    assert_eq!(peer.expect(REQUEST).await.payload, [7; 64]);
}

#[tokio::test(start_paused = true)]
async fn packets_behind_one_that_cannot_be_encoded_are_not_lost() {
    // LR24: what certainly did not leave goes on to the next channel.
    for poison in ["fail", "panic"] {
        let (_net, _server, client) = between(serving(echo()), dialling(picky())).await;
        let call = |message: &'static str| client.call_within(Bytes::from(message), secs(5));
        // The first is alone, and leaves before the others come.
        let (left, before, bad, after) =
            tokio::join!(call("left"), call("before"), call(poison), call("after"));
        assert!(matches!(left, Err(CallError::Lost { sent: Sent::Maybe, .. })), "{left:?}");
        assert!(bad.is_err());
        assert_eq!((before.unwrap(), after.unwrap()), ("before".into(), "after".into()), "{poison}");
    }
}
