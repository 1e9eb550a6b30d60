//! Compound packets, as the crate `rtc-rtcp` reads and writes them too.

use proptest::prelude::*;
use rtc_rtcp::goodbye::Goodbye;
use rtc_rtcp::packet::Packet as Theirs;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::SourceDescription;

use super::*;

const BLOCK: Block = Block {
    ssrc: 0xdead_beef,
    fraction: 26,
    lost: 1_000,
    highest: 0x0003_fffe,
    jitter: 17,
    last_report: 0xb705_2000,
    delay: 0x0005_4000,
};

fn info() -> SenderInfo {
    SenderInfo { ntp: NtpTime(0xb44d_b705_2000_0000), timestamp: 0x8000_0001, packets: 500, octets: 80_000 }
}

fn written(sender: Option<SenderInfo>, block: Option<Block>, goodbye: bool) -> Vec<u8> {
    let cname = Cname::new([7; 12]);
    let mut out = [0; MAX_COMPOUND];
    let length = write(&Reporting { ssrc: 0x0102_0304, cname: &cname, sender, block, goodbye }, &mut out);
    out[..length].to_vec()
}

#[test]
fn a_report_is_laid_out_as_the_rfc_draws_it() {
    let bytes = written(None, Some(Block { lost: -2, ..BLOCK }), true);
    let report = [
        0x81, 201, 0, 7, 1, 2, 3, 4, 0xde, 0xad, 0xbe, 0xef, 26, 0xff, 0xff, 0xfe, 0, 3, 0xff, 0xfe, 0, 0, 0, 17, 0xb7,
        5, 0x20, 0, 0, 5, 0x40, 0,
    ];
    assert_eq!(bytes[..32], report);
    let mut description = vec![0x81, 202, 0, 6, 1, 2, 3, 4, 1, 16];
    description.extend(b"BwcHBwcHBwcHBwcH");
    description.extend([0, 0]);
    assert_eq!(bytes[32..60], description);
    assert_eq!(bytes[60..], [0x81, 203, 0, 1, 1, 2, 3, 4]);
    assert_eq!(written(Some(info()), Some(BLOCK), true).len(), MAX_COMPOUND, "nothing is longer");
}

#[test]
fn another_implementation_reads_what_is_written() {
    for (sender, block, goodbye) in
        [(Some(info()), Some(BLOCK), true), (Some(info()), None, false), (None, Some(BLOCK), false), (None, None, true)]
    {
        let bytes = written(sender, block, goodbye);
        let packets = rtc_rtcp::packet::unmarshal(&mut &bytes[..]).expect("whole packets");
        let read = |number: usize| packets[number].as_any();
        let reports = match sender {
            Some(info) => {
                let report = read(0).downcast_ref::<SenderReport>().expect("a sender report");
                let counts = (report.packet_count, report.octet_count);
                assert_eq!((report.ntp_time, report.rtp_time), (info.ntp.0, info.timestamp));
                assert_eq!((counts, report.ssrc), ((info.packets, info.octets), 0x0102_0304));
                &report.reports
            }
            None => &read(0).downcast_ref::<ReceiverReport>().expect("a receiver report").reports,
        };
        let theirs = block.map(|block| ReceptionReport {
            ssrc: block.ssrc,
            fraction_lost: block.fraction,
            total_lost: block.lost.unsigned_abs(),
            last_sequence_number: block.highest,
            jitter: block.jitter,
            last_sender_report: block.last_report,
            delay: block.delay,
        });
        assert_eq!(reports.first(), theirs.as_ref());
        let description = read(1).downcast_ref::<SourceDescription>().expect("a source description");
        assert_eq!(description.chunks[0].source, 0x0102_0304);
        assert_eq!(&description.chunks[0].items[0].text[..], b"BwcHBwcHBwcHBwcH");
        let leaves = packets.get(2).map(|packet| packet.as_any().downcast_ref::<Goodbye>().expect("a goodbye"));
        assert_eq!(leaves.map(|goodbye| goodbye.sources.clone()), goodbye.then(|| vec![0x0102_0304]));
    }
}

#[test]
fn what_another_implementation_writes_is_read() {
    let theirs =
        |ssrc: u32| ReceptionReport { ssrc, fraction_lost: 9, total_lost: 70_000, ..ReceptionReport::default() };
    let packets: Vec<Box<dyn Theirs>> = vec![
        Box::new(SenderReport {
            ssrc: 7,
            ntp_time: 0x1122_3344_5566_7788,
            rtp_time: 5,
            packet_count: 6,
            octet_count: 8,
            reports: vec![theirs(1), theirs(2)],
            ..SenderReport::default()
        }),
        Box::new(ReceiverReport { ssrc: 8, reports: vec![theirs(3)], ..ReceiverReport::default() }),
        Box::new(Goodbye { sources: vec![8, 9], reason: "bye".into() }),
    ];
    let bytes = rtc_rtcp::packet::marshal(&packets).expect("it is written");
    let read: Vec<Packet<'_>> = Compound::parse(&bytes).expect("a compound").packets().collect();
    let [Packet::Sender { ssrc: 7, info, blocks }, Packet::Receiver { ssrc: 8, blocks: other }, Packet::Goodbye(gone)] =
        read[..]
    else {
        panic!("{read:?}");
    };
    assert_eq!(info, SenderInfo { ntp: NtpTime(0x1122_3344_5566_7788), timestamp: 5, packets: 6, octets: 8 });
    let seen: Vec<(u32, u8, i32)> = blocks.chain(other).map(|block| (block.ssrc, block.fraction, block.lost)).collect();
    assert_eq!(seen, [(1, 9, 70_000), (2, 9, 70_000), (3, 9, 70_000)]);
    assert_eq!(gone.collect::<Vec<_>>(), [8, 9]);
}

#[test]
fn what_is_no_compound_is_refused_with_its_cause() {
    let good = written(Some(info()), Some(BLOCK), true);
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        Compound::parse(&bytes).err()
    };
    assert_eq!(refused(&|_| ()), None);
    assert_eq!(refused(&Vec::clear), Some(RtcpError::Truncated));
    assert_eq!(refused(&|bytes| bytes.truncate(60)), Some(RtcpError::Truncated));
    assert_eq!(refused(&|bytes| bytes.push(0)), Some(RtcpError::Truncated));
    assert_eq!(refused(&|bytes| bytes[0] = 0x41), Some(RtcpError::Version));
    assert_eq!(refused(&|bytes| bytes[0] = 0xa1), Some(RtcpError::Padding), "in the first packet");
    assert_eq!(refused(&|bytes| bytes[0] = 0x82), Some(RtcpError::Truncated), "two blocks, one there");
    assert_eq!(refused(&|bytes| bytes[1] = 202), Some(RtcpError::NoReport));
    assert_eq!(
        refused(&|bytes| drop(bytes.drain(..52))),
        Some(RtcpError::NoReport),
        "only a description and a goodbye"
    );
    assert_eq!(refused(&|bytes| bytes[52] = 0xa1), Some(RtcpError::Padding), "in the middle");
    let padded = |padding: &[u8]| {
        refused(&|bytes| {
            bytes[80] |= 0x20;
            bytes[83] = 2;
            bytes.extend_from_slice(padding);
        })
    };
    assert_eq!(padded(&[0, 0, 0, 4]), None);
    assert_eq!(padded(&[0, 0, 0, 0]), Some(RtcpError::Padding));
    assert_eq!(padded(&[0, 0, 0, 3]), None);
    assert_eq!(padded(&[0, 0, 0, 12]), Some(RtcpError::Padding));
}

proptest! {
    #[test]
    fn any_bytes_are_read_within_their_bounds(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), first in 0u8..3) {
        // Most of them would fail at the first byte.
        if let [flags, kind, high, ..] = &mut bytes[..] {
            *flags = 0x80 | (*flags & 0x23);
            *kind = 200 + first;
            *high = 0;
        }
        if let Ok(compound) = Compound::parse(&bytes) {
            let packets = compound.packets().count();
            prop_assert!(packets * 4 <= bytes.len());
            let blocks = compound.packets().map(|packet| match packet {
                Packet::Sender { blocks, .. } | Packet::Receiver { blocks, .. } => blocks.count() * 24,
                Packet::Goodbye(sources) => sources.count() * 4,
                Packet::Other => 0,
            });
            prop_assert!(blocks.sum::<usize>() <= bytes.len());
        }
    }

    #[test]
    fn what_is_written_is_read_the_same(
        ssrc: u32, fraction: u8, lost in -0x80_0000..=0x7f_ffff_i32, highest: u32, jitter: u32, last_report: u32, delay: u32,
        ntp: u64, sends: bool,
    ) {
        let block = Block { ssrc, fraction, lost, highest, jitter, last_report, delay };
        let sender = sends.then_some(SenderInfo { ntp: NtpTime(ntp), timestamp: jitter, packets: delay, octets: highest });
        let bytes = written(sender, Some(block), false);
        let first = Compound::parse(&bytes).expect("our own").packets().next().expect("a report");
        let (info, mut blocks) = match first {
            Packet::Sender { info, blocks, .. } => (Some(info), blocks),
            Packet::Receiver { blocks, .. } => (None, blocks),
            Packet::Goodbye(_) | Packet::Other => panic!("not a report"),
        };
        prop_assert_eq!(info, sender);
        prop_assert_eq!(blocks.next(), Some(block));
        prop_assert_eq!(blocks.next(), None);
    }
}
