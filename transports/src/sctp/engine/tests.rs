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
