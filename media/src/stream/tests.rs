use super::*;
use crate::codec::{Codec, OpusTerms};

/// A stream that is fed packets of 20 ms, each at the time in samples that it is given.
struct Feed {
    stream: Stream,
    now: Instant,
    window: Window,
}

impl Feed {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of virtual time")]
        let now = Instant::now();
        Self { stream: Stream::new(), now, window: Window { from: i64::MIN, to: i64::MIN } }
    }

    fn take(&mut self, clock: i64, sequence: u16, timestamp: u32) -> Taken {
        self.take_from(1, clock, sequence, timestamp)
    }

    fn take_from(&mut self, ssrc: u32, clock: i64, sequence: u16, timestamp: u32) -> Taken {
        let header = RtpHeader { marker: false, payload_type: 0, sequence, timestamp, ssrc };
        let content = Content::Audio { codec: Codec::Pcmu, payload: &[0; 160], samples: 160 };
        self.stream.take(self.now, clock, self.window, &header, 1, content)
    }
}

fn accepted(end: i64, reordered: bool) -> Taken {
    Taken::Accepted { end, reordered, begins: None }
}

#[test]
fn the_time_line_begins_where_the_clock_is_and_goes_on_past_both_wraps() {
    let mut feed = Feed::new();
    let first = feed.take(1_000, 65_535, u32::MAX - 159);
    let Taken::Accepted { end: 1_160, reordered: false, begins: Some(_) } = first else { panic!("{first:?}") };
    assert_eq!(feed.take(1_160, 0, 0), accepted(1_320, false));
    assert_eq!(feed.take(1_480, 2, 320), accepted(1_640, false));
    assert_eq!(feed.take(1_500, 1, 160), accepted(1_480, true));
    assert_eq!(feed.take(1_500, 1, 160), Taken::Duplicate);
    assert_eq!(feed.stream.lost(), 0);
}

#[test]
fn losses_are_what_the_numbers_promise() {
    let mut feed = Feed::new();
    for n in (0..100u16).filter(|n| n % 10 != 5) {
        feed.take(i64::from(n) * 160, n, u32::from(n) * 160);
    }
    assert_eq!(feed.stream.lost(), 10);
    feed.window.from = i64::MAX;
    assert_eq!(feed.take(16_000, 95, 95 * 160), Taken::Late);
    assert_eq!(feed.stream.lost(), 9, "it has come, if too late");
    assert_eq!(feed.take(16_000, 95, 95 * 160), Taken::Duplicate);
}

#[test]
fn a_packet_behind_everybody_is_late_and_ten_of_them_are_a_new_time_line() {
    let mut feed = Feed::new();
    feed.take(0, 0, 0);
    feed.window = Window { from: 8_000, to: 8_160 };
    for n in 1..10 {
        assert_eq!(feed.take(8_000 + i64::from(n), n, u32::from(n) * 160), Taken::Late);
    }
    let Taken::Accepted { end, begins: Some(_), .. } = feed.take(8_010, 10, 1_600) else { panic!("believed") };
    assert_eq!(end, 8_160 + 160, "behind what has been read");
    assert_eq!(feed.stream.restarts(), 1);
}

#[test]
fn a_new_stream_needs_two_packets_and_no_word_of_the_old_in_between() {
    let mut feed = Feed::new();
    feed.take(0, 0, 0);
    assert_eq!(feed.take_from(2, 10, 500, 77), Taken::Discontinuity);
    assert_eq!(feed.take(160, 1, 160), accepted(320, false));
    assert_eq!(feed.take_from(2, 170, 501, 237), Taken::Discontinuity, "the old one lives");
    assert_eq!(feed.take_from(2, 330, 503, 557), Taken::Discontinuity, "not in order");
    assert!(matches!(feed.take_from(2, 490, 504, 717), Taken::Accepted { begins: Some(_), .. }));
    assert_eq!(feed.stream.restarts(), 1);
}

#[test]
fn packets_without_audio_say_nothing_of_time_and_begin_no_new_stream() {
    let mut feed = Feed::new();
    feed.take(80_000, 0, 0);
    let key = |feed: &mut Feed, ssrc, sequence| {
        let header = RtpHeader { marker: false, payload_type: 101, sequence, timestamp: 99_999, ssrc };
        feed.stream.take(feed.now, 80_160, feed.window, &header, 1, Content::Keys)
    };
    assert!(matches!(key(&mut feed, 1, 1), Taken::Accepted { reordered: false, begins: None, .. }));
    for sequence in 0..5 {
        assert_eq!(key(&mut feed, 9, sequence), Taken::Discontinuity);
    }
    assert_eq!(feed.take(80_320, 2, 320), accepted(80_480, false));
    assert_eq!(feed.stream.restarts(), 0);
}

#[test]
fn numbers_that_run_ahead_of_their_timestamps_are_not_believed() {
    let mut feed = Feed::new();
    feed.take(0, 0, 0);
    assert_eq!(feed.take(100, 65, 160), Taken::Discontinuity);
    assert_eq!(feed.take(160, 1, 160), accepted(320, false));
    assert_eq!(feed.take(10_400, 65, 10_400), accepted(10_560, false), "64 packets were lost");
}

#[test]
fn ten_packets_whose_numbers_and_timestamps_disagree_are_a_new_stream() {
    let mut feed = Feed::new();
    feed.take(0, 0, 0);
    assert_eq!(feed.take(100, 70, 2_880), accepted(3_040, false), "a wild packet, barely plausible");
    let restart = (1..64u16).find(|&n| {
        let taken = feed.take(i64::from(n) * 160, n, u32::from(n) * 160);
        matches!(taken, Taken::Accepted { begins: Some(_), .. })
    });
    assert_eq!(restart, Some(18 + 10));
}

#[test]
fn another_clock_goes_on_where_the_numbers_say() {
    let mut feed = Feed::new();
    feed.take(0, 0, 0);
    feed.take(160, 1, 160);
    let opus = |feed: &mut Feed, clock, sequence, timestamp| {
        let header = RtpHeader { marker: false, payload_type: 111, sequence, timestamp, ssrc: 1 };
        let content = Content::Audio { codec: Codec::Opus(OpusTerms::OURS), payload: &[0x08, 1, 2, 3], samples: 160 };
        feed.stream.take(feed.now, clock, feed.window, &header, 6, content)
    };
    assert_eq!(opus(&mut feed, 480, 3, 7_000_000), accepted(640, false), "one was lost in between");
    assert_eq!(opus(&mut feed, 640, 4, 7_000_960), accepted(800, false));
    assert_eq!(feed.take(640, 2, 320), Taken::Late, "of the codec before");
    assert_eq!(opus(&mut feed, 6_400, 5, 7_001_920), accepted(960, false), "however late it is");
    assert_eq!(feed.take(16_000, 6, 99), accepted(16_160, false), "after a pause the arrival counts");
    assert_eq!((feed.stream.lost(), feed.stream.restarts()), (1, 0));
}
