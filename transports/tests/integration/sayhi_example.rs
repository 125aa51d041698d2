//! The say-hi example: its bytes are the original's, hostile ones are refused, and both sides talk.

#[path = "../../examples/sayhi/protocol.rs"]
mod protocol;
#[path = "../../examples/sayhi/sides.rs"]
mod sides;

use listenrain::{Decoded, Kind, MessageCodec, Packet};
use listenrain_transports::Tcp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::*;
use protocol::{Hi, HiCodec, REQUEST, RESPONSE, sayhi};

/// Length 17; header of 5: command 0, id "1"; name of 4: "rain".
const REQUEST_BYTES: &str = "00000011 00000005 00000000 31 00000004 7261696e";
/// Length 21; header of 5: command 1, id "1"; name of 8: "Hi, rain".
const RESPONSE_BYTES: &str = "00000015 00000005 00000001 31 00000008 48692c207261696e";

fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

fn hi(command: listenrain::Command, name: &str) -> Hi {
    Hi { command, id: "1".to_owned(), name: name.to_owned() }
}

#[test]
fn both_directions_are_the_originals_golden_bytes() {
    let packets = sayhi().unwrap().packets().clone();
    for (message, bytes) in
        [(hi(REQUEST, "rain"), hex(REQUEST_BYTES)), (hi(RESPONSE, "Hi, rain"), hex(RESPONSE_BYTES))]
    {
        let payload = HiCodec.encode(message.clone()).unwrap();
        let mut output = WriteBuffer::new(0);
        let packet = Packet::new(Kind::Request, 0, payload.into_bytes());
        packets.encode(&packet, &mut output).unwrap();
        let written: Vec<u8> = std::iter::from_fn(|| output.take_segment()).flatten().collect();
        assert_eq!(written, bytes);

        let mut input = ReadBuffer::new(packets.buffers());
        input.push(bytes.into());
        let Ok(Decoded::Packet(packet)) = packets.decode(&mut input) else {
            panic!("no packet");
        };
        assert_eq!(HiCodec.decode(packet.payload.into_bytes()).unwrap(), message);
    }
}

/// LR21: lengths of a hostile peer are compared, not added up; nothing is dropped in silence.
#[test]
fn hostile_messages_are_refused() {
    for (why, bytes) in [
        ("nothing", ""),
        ("half a size", "0000"),
        ("size 0", "00000000 00000000 31 00000000"),
        ("size 3", "00000003 00000000 31 00000000"),
        ("the largest size", "ffffffff 00000000 31 00000000"),
        ("a size that wraps to 0 with its own four bytes", "fffffffc 00000000"),
        ("a name longer than the rest", "00000005 00000000 31 00000005 7261696e"),
        ("the longest name", "00000005 00000000 31 ffffffff 7261696e"),
        ("no name", "00000005 00000000 31"),
        ("bytes behind the name", "00000005 00000000 31 00000001 7261"),
        ("an id that is no UTF-8", "00000005 00000000 ff 00000000"),
        ("a name that is no UTF-8", "00000005 00000000 31 00000001 ff"),
        ("command 2", "00000005 00000002 31 00000000"),
    ] {
        assert!(HiCodec.decode(hex(bytes).into()).is_err(), "{why}");
    }
    let long = hi(REQUEST, &"r".repeat(5000));
    let payload = HiCodec.encode(long.clone()).unwrap().into_bytes();
    assert_eq!(HiCodec.decode(payload).unwrap(), long, "names of 1,024 bytes and more are kept");
}

/// The original's client, byte by byte, against our server; hostile bytes first.
#[tokio::test]
async fn our_server_answers_the_golden_bytes_of_the_originals_client() {
    watched(async {
        let server = sides::serve(&Tcp::default().scratch_endpoint(), |_| {}).await.unwrap();
        let mut stream = TcpStream::connect(server.endpoint().address()).await.unwrap();
        stream.write_all(&hex("00000008 ffffffff 00000000")).await.unwrap();
        stream.write_all(&hex(REQUEST_BYTES)).await.unwrap();
        let mut reply = vec![0; hex(RESPONSE_BYTES).len()];
        stream.read_exact(&mut reply).await.unwrap();
        assert_eq!(reply, hex(RESPONSE_BYTES));
        assert_eq!(server.counts().unanswered, 1);
    })
    .await;
}

/// Our client against the original's server, byte by byte.
#[tokio::test]
async fn our_client_understands_the_golden_bytes_of_the_originals_server() {
    watched(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::new("tcp", &listener.local_addr().unwrap().to_string()).unwrap();
        let answer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; hex(REQUEST_BYTES).len()];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(request, hex(REQUEST_BYTES));
            stream.write_all(&hex(RESPONSE_BYTES)).await.unwrap();
            stream
        };
        let client = listenrain::Client::builder(sayhi().unwrap());
        let client = client.dial(Tcp::default().dialer(&endpoint).unwrap()).unwrap();
        let (_stream, reply) = tokio::join!(answer, client.call(hi(REQUEST, "rain")));
        assert_eq!(reply.unwrap(), hi(RESPONSE, "Hi, rain"));
    })
    .await;
}

#[tokio::test]
async fn both_sides_talk_in_every_way_whether_the_address_has_a_scheme_or_not() {
    // The client refused what the server prints.
    watched(async {
        let listen = sides::endpoint("127.0.0.1:0").unwrap();
        let server = sides::serve(&listen, |_| {}).await.unwrap();
        let printed = server.endpoint().to_string();
        for address in [&*printed, printed.strip_prefix("tcp://").unwrap()] {
            let replies = sides::greet(&sides::endpoint(address).unwrap()).await.unwrap();
            let replies: Vec<&str> = replies.iter().map(|(_, reply)| reply.as_str()).collect();
            assert_eq!(replies, ["Hi, async", "Hi, sync", "Hi, state machine"]);
        }
        let other = sides::endpoint("unix:///run/x").unwrap();
        assert!(sides::greet(&other).await.is_err(), "another scheme is no TCP");
        assert!(server.drain(protocol::TIMEOUT).await.complete);
    })
    .await;
}
