//! Packet codecs: a packet into a write buffer, and a stream of packets out of a read buffer.
//!
//! `cargo bench -p listenrain --bench codecs`; with `-- --test` each runs once.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, Criterion, Throughput};
use listenrain::buffer::{ReadBuffer, WriteBuffer};
use listenrain::{Decoded, Kind, NativePackets, OriginalPackets, Packet, PacketCodec};

const SIZES: [(&str, usize); 3] = [("0", 0), ("4KiB", 4 << 10), ("256KiB", 256 << 10)];

/// Packets in one batch: what one read may bring.
const BATCH: usize = 16;

fn encode(criterion: &mut Criterion, name: &str, codec: &dyn PacketCodec) {
    let mut group = criterion.benchmark_group(format!("encode/{name}"));
    for (label, size) in SIZES {
        let packet = Packet::new(Kind::Request, 1 << 32, Bytes::from(vec![7; size]));
        let mut output = WriteBuffer::new(WriteBuffer::DEFAULT_FLATTEN_BELOW);
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(label, |bencher| {
            bencher.iter(|| {
                for _ in 0..BATCH {
                    codec.encode(black_box(&packet), &mut output).expect("it fits");
                }
                black_box(output.len());
                output.clear();
            });
        });
    }
}

fn decode(criterion: &mut Criterion, name: &str, codec: &dyn PacketCodec) {
    let mut group = criterion.benchmark_group(format!("decode/{name}"));
    for (label, size) in SIZES {
        let packet = Packet::new(Kind::Reply, 1 << 32, Bytes::from(vec![7; size]));
        let mut output = WriteBuffer::new(WriteBuffer::DEFAULT_FLATTEN_BELOW);
        for _ in 0..BATCH {
            codec.encode(&packet, &mut output).expect("it fits");
        }
        let mut stream = BytesMut::new();
        while let Some(segment) = output.take_segment() {
            stream.extend_from_slice(&segment);
        }
        let stream = stream.freeze();
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(label, |bencher| {
            let arrived = || {
                let mut input = ReadBuffer::new(codec.buffers());
                input.push(stream.clone());
                input
            };
            let take_all = |mut input: ReadBuffer| {
                while let Ok(Decoded::Packet(packet)) = codec.decode(&mut input) {
                    black_box(packet);
                }
                input
            };
            bencher.iter_batched(arrived, take_all, BatchSize::SmallInput);
        });
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let (native, original) = (NativePackets::default(), OriginalPackets::default());
    let codecs: [(&str, &dyn PacketCodec); 2] = [("native", &native), ("original", &original)];
    for (name, codec) in codecs {
        encode(&mut criterion, name, codec);
        decode(&mut criterion, name, codec);
    }
    criterion.final_summary();
}
