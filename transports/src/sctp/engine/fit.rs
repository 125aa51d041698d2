//! Packets made to fit the path MTU: those that the crate below makes too long are split.

use bytes::Bytes;

use crate::sctp::wire::{self, CHUNK_HEADER_LEN, HEADER_LEN, Header, Packet, kind};

/// The crate does not count the headers and the padding of the chunks that it puts together, nor how many gaps it tells
/// of in one acknowledgement.
pub(super) fn split(packet: &Bytes, mtu: usize, into: &mut Vec<Bytes>) {
    let Some(read) = Packet::parse(packet) else {
        return;
    };
    if let Some(sack) = read.single().filter(|chunk| chunk.kind == kind::SACK) {
        return into.push(shorten(read.header, sack.value, mtu));
    }
    let mut chunks = read.chunks().peekable();
    while chunks.peek().is_some() {
        let mut len = HEADER_LEN;
        let fitting = std::iter::from_fn(|| {
            chunks.next_if(|chunk| {
                // A chunk that fits nowhere is sent alone.
                let fits = len == HEADER_LEN || len + chunk.whole.len() <= mtu;
                len += chunk.whole.len();
                fits
            })
        });
        into.push(wire::packet_of(read.header, fitting));
    }
}

/// The last of these packets that carries data asks for an acknowledgement at once.
pub(super) fn press(packets: &mut [Bytes]) {
    let mut asking = packets.iter_mut().rev().filter_map(|packet| {
        let asking = wire::asking(&Packet::parse(packet)?)?;
        Some((packet, asking))
    });
    if let Some((packet, asking)) = asking.next() {
        *packet = asking;
    }
}

/// A SACK with as many of its gaps as fit; the peer hears of the others once these are filled.
fn shorten(header: Header, value: &[u8], mtu: usize) -> Bytes {
    const FIXED: usize = 12;
    const GAP: usize = 4;
    let told = wire::u16_at(value, 8).unwrap_or_default();
    let fitting = (mtu - HEADER_LEN - CHUNK_HEADER_LEN - FIXED) / GAP;
    let gaps = told.min(u16::try_from(fitting).unwrap_or(u16::MAX));
    let mut short = value[..FIXED + GAP * usize::from(gaps)].to_vec();
    short[8..10].copy_from_slice(&gaps.to_be_bytes());
    // Of what came twice there is nothing left to tell.
    short[10..FIXED].fill(0);
    wire::packet(header, kind::SACK, 0, &short)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { source: 1, destination: 2, tag: 3 };

    fn pieces(packet: &Bytes, mtu: usize) -> Vec<Bytes> {
        let mut into = Vec::new();
        split(packet, mtu, &mut into);
        for piece in &into {
            assert!(Packet::parse(piece).unwrap().is_intact());
        }
        into
    }

    #[test]
    fn chunks_that_do_not_fit_one_packet_go_into_several_in_order() {
        let single: Vec<_> = (1..8).map(|len| wire::packet(HEADER, kind::DATA, len, &[len; 7])).collect();
        let whole = single.iter().map(|packet| Packet::parse(packet).unwrap().single().unwrap());
        let packet = wire::packet_of(HEADER, whole);
        // Twelve bytes each, behind a header of twelve.
        let split = pieces(&packet, 12 + 3 * 12);
        assert_eq!(split.iter().map(Bytes::len).collect::<Vec<_>>(), [48, 48, 24]);
        let flags = split.iter().flat_map(|piece| {
            Packet::parse(piece).unwrap().chunks().map(|chunk| chunk.flags).collect::<Vec<_>>()
        });
        assert_eq!(flags.collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn an_acknowledgement_tells_of_as_many_gaps_as_fit() {
        let mut value = vec![0, 0, 0, 9, 0, 1, 0, 0, 1, 44, 0, 1];
        value.extend((0..300u16).flat_map(|gap| [2 * gap + 2, 2 * gap + 2]).flat_map(u16::to_be_bytes));
        value.extend([7; 4]);
        let packet = wire::packet(HEADER, kind::SACK, 0, &value);
        let split = pieces(&packet, 600);
        assert_eq!((split.len(), split[0].len()), (1, 600));
        let short = Packet::parse(&split[0]).unwrap().single().unwrap().value.to_vec();
        assert_eq!(short[..12], [0, 0, 0, 9, 0, 1, 0, 0, 0, 143, 0, 0]);
        assert_eq!(short[12..], value[12..12 + 4 * 143]);
    }
}
