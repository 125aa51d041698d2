//! Programs of the original's benchmark, which read every packet into a buffer of one size: an id of 36 bytes and their own
//! payload. Our client drives such a server, and such a client our server, at every payload of the original's table.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use listenrain_results::{Run, original};

const HEADER: usize = 4;
const ID: usize = 36;
const IDS_OF_A_CLIENT: u64 = 10_000_000_000;
/// Longer than any packet takes; a side that waits for the rest of one for ever ends by it.
const WATCHDOG: Duration = Duration::from_secs(120);

fn tool(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-cli"));
    command.args(line.split_whitespace());
    command
}

/// The payloads of the original's table, each once, and the smallest that can be checked.
fn payloads() -> Vec<usize> {
    let mut payloads: Vec<_> = original::ROWS.iter().map(|row| row.payload_bytes as usize).collect();
    payloads.push(16);
    payloads.sort_unstable();
    payloads.dedup();
    payloads
}

/// Reads one packet as the original does: its header, then all of a buffer of fixed size, whatever the header says.
fn read_packet(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<()> {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header)?;
    stream.read_exact(buffer)?;
    let length = u32::from_be_bytes(header) as usize;
    if length == buffer.len() { Ok(()) } else { Err(io::Error::other(format!("a packet of {length} bytes"))) }
}

fn write_packet(stream: &mut impl Write, body: &[u8]) -> io::Result<()> {
    stream.write_all(&(body.len() as u32).to_be_bytes())?;
    stream.write_all(body)
}

/// The id at the start of a packet: a decimal number in 36 bytes, right-aligned with spaces.
fn id(packet: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(&packet[..ID]).ok()?;
    let id = text.trim_start_matches(' ').parse().ok()?;
    (format!("{id:>ID$}") == text).then_some(id)
}

/// What a server of the original has seen.
#[derive(Default)]
struct Seen {
    /// The ids of each connection that has sent a packet, in their order.
    ids: HashMap<SocketAddr, Vec<u64>>,
    /// What it could not read.
    wrong: Vec<String>,
}

/// A server of the original for payloads of `payload` bytes. It serves as long as the test runs.
fn original_server(payload: usize) -> (SocketAddr, Arc<Mutex<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Seen::default())));
    let all = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, seen) = (stream.unwrap(), Arc::clone(&all));
            thread::spawn(move || answer(stream, payload, &seen));
        }
    });
    (address, seen)
}

/// Answers every packet with its own payload under the same id, one after the other.
fn answer(stream: TcpStream, payload: usize, seen: &Mutex<Seen>) {
    let peer = stream.peer_addr().unwrap();
    let (mut reader, mut writer) = (BufReader::new(stream.try_clone().unwrap()), stream);
    let mut packet = vec![0; ID + payload];
    loop {
        match read_packet(&mut reader, &mut packet) {
            Ok(()) => {}
            Err(error)
                if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) =>
            {
                return;
            }
            Err(error) => return seen.lock().unwrap().wrong.push(error.to_string()),
        }
        match id(&packet) {
            Some(id) => seen.lock().unwrap().ids.entry(peer).or_default().push(id),
            None => seen.lock().unwrap().wrong.push(format!("an id `{}`", packet[..ID].escape_ascii())),
        }
        if write_packet(&mut writer, &packet).is_err() {
            return;
        }
    }
}

#[test]
fn our_client_drives_a_server_of_the_original_that_reads_packets_of_one_size() {
    // A first request of another size would leave such a server waiting for the rest of it for ever.
    for payload in payloads() {
        let (address, seen) = original_server(payload);
        let line = format!(
            "run --protocol original --target tcp://{address} --payload {payload}B --parallel 4 --connections 2 \
             --duration 100ms --warmup 10ms --json -"
        );
        let output = tool(&line).output().unwrap();
        let run = Run::from_json(&String::from_utf8_lossy(&output.stdout), "stdout").unwrap();
        let cell = &run.cells[0];
        assert!(cell.errors == 0 && output.status.code() == Some(0), "{payload}: {:?}", cell.error_samples);
        let seen = seen.lock().unwrap();
        assert!(seen.wrong.is_empty(), "{payload}: {:?}", seen.wrong);
        let mut clients: Vec<_> = seen.ids.values().map(|ids| ids[0]).collect();
        clients.sort_unstable();
        assert_eq!(clients, [0, IDS_OF_A_CLIENT], "{payload}: where the ids of both clients start");
        for ids in seen.ids.values() {
            let mut ids = ids.clone();
            ids.sort_unstable();
            assert!(
                (ids[0]..).take(ids.len()).eq(ids.iter().copied()),
                "{payload}: each id once, counted up"
            );
        }
        let answered: usize = seen.ids.values().map(Vec::len).sum();
        assert!(answered as u64 >= cell.requests + 2, "{payload}: {answered} for {} requests", cell.requests);
    }
}

/// Our server, ended with the test.
struct Serving(Child, SocketAddr);

impl Serving {
    fn start() -> Self {
        let mut child = tool("serve --protocol original --listen tcp://127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (_, address) = line.trim().split_once("tcp://").unwrap_or_else(|| panic!("it says `{line}`"));
        Self(child, address.parse().unwrap())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Client number `number` of the original: `parallel` requests outstanding until `count` are answered.
fn original_client(server: SocketAddr, number: u64, payload: usize, parallel: usize, count: usize) {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    stream.set_write_timeout(Some(WATCHDOG)).unwrap();
    let (places, free) = mpsc::channel();
    (0..parallel).for_each(|_| places.send(()).unwrap());
    let writer = {
        let stream = stream.try_clone().unwrap();
        thread::spawn(move || send(stream, number, payload, &free, count))
    };
    receive(stream, number, payload, &places, count);
    writer.join().unwrap();
}

/// The byte that fills the payload of the request with that id.
fn filling(id: u64) -> u8 {
    (id % 251) as u8
}

fn send(mut stream: TcpStream, number: u64, payload: usize, free: &Receiver<()>, count: usize) {
    let first = number * IDS_OF_A_CLIENT;
    for id in (first..).take(count) {
        free.recv().unwrap();
        let mut packet = format!("{id:>ID$}").into_bytes();
        packet.resize(ID + payload, filling(id));
        write_packet(&mut stream, &packet).unwrap();
    }
}

fn receive(stream: TcpStream, number: u64, payload: usize, places: &Sender<()>, count: usize) {
    let (mut reader, mut packet) = (BufReader::new(stream), vec![0; ID + payload]);
    let mut ids = Vec::new();
    for _ in 0..count {
        read_packet(&mut reader, &mut packet).unwrap();
        let id = id(&packet).unwrap();
        assert!(packet[ID..].iter().all(|byte| *byte == filling(id)), "the reply to {id} is another's");
        ids.push(id);
        // The writer has ended once all are sent.
        let _ = places.send(());
    }
    ids.sort_unstable();
    let first = number * IDS_OF_A_CLIENT;
    assert!((first..).take(count).eq(ids), "each request is answered once");
}

#[test]
fn clients_of_the_original_are_served_packets_of_their_one_size() {
    let server = Serving::start();
    for payload in payloads() {
        let clients = (0..3).map(|number| {
            let server = server.1;
            thread::spawn(move || original_client(server, number, payload, 8, 40))
        });
        for client in clients.collect::<Vec<_>>() {
            client.join().unwrap();
        }
    }
}

#[test]
fn each_call_that_a_silent_server_leaves_unanswered_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut packet = [0; ID + 16];
        read_packet(&mut stream, &mut packet).unwrap();
        write_packet(&mut stream, &packet).unwrap();
        // It answers the first request alone.
        io::copy(&mut stream, &mut io::sink())
    });
    let line = "run --protocol original --payload 16B --parallel 64 --duration 50ms --warmup 0s --json -";
    let output = tool(&format!("{line} --target tcp://{address}")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let run = Run::from_json(&String::from_utf8_lossy(&output.stdout), "stdout").unwrap();
    assert_eq!(run.cells[0].error_kinds, [("unfinished".to_owned(), 64)].into(), "{output:?}");
}
