//! Calls of an hour between clocks that do not agree: what the recording says of when who spoke.

use std::io::Cursor;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::world::{Network, World, config, ms, speech};
use crate::recording::{RecordingReader, StereoRecorder};
use crate::session::ClipId;

const HOUR: Duration = Duration::from_secs(3_600);

/// The caller's speech: it comes round after 0.8 s, and making it anew for an hour would take longer than all else.
fn spoken(n: u64) -> i16 {
    static CYCLE: LazyLock<Vec<i16>> = LazyLock::new(|| (0..6_400).map(speech).collect());
    CYCLE[(n % 6_400) as usize]
}

/// Louder than any speech here.
fn whistle(n: u64) -> i16 {
    if n % 8 < 4 { 25_000 } else { -25_000 }
}

/// A call that is recorded.
struct Recorded<'a> {
    world: World,
    recorder: StereoRecorder<&'a mut Cursor<Vec<u8>>>,
    began: Instant,
}

impl Recorded<'_> {
    /// Runs and writes down what was heard and said, a second at a time.
    fn run(&mut self, time: Duration) {
        let end = self.world.now + time;
        while self.world.now < end {
            let step = ms(1_000).min(end - self.world.now);
            self.world.run(step);
            let (heard, said) = (std::mem::take(&mut self.world.heard), std::mem::take(&mut self.world.said));
            for (heard, said) in heard.chunks_exact(160).zip(said.chunks_exact(160)) {
                let frame = |samples| crate::frame::PcmFrame::from_samples(crate::frame::Rate::Hz8000, samples);
                let (heard, said) = (frame(heard).expect("a frame"), frame(said).expect("a frame"));
                self.recorder.push(&heard, &said).expect("memory is there");
            }
            self.world.uplink.clear();
            self.world.uplink_at.clear();
            self.world.sent.clear();
            self.world.events.clear();
        }
    }

    /// Ends the recording; how long it is.
    fn finish(self) -> Duration {
        self.recorder.finalize().expect("nothing failed")
    }

    /// Both sides whistle for 100 ms. When the caller's whistle began, and ours, from the beginning of the call.
    fn whistle(&mut self) -> (Duration, Duration) {
        let (theirs, ours) = (self.world.peer.speaks() - self.began, self.world.now - self.began);
        self.world.peer.signal = whistle;
        let clip: Vec<i16> = (0..800).map(whistle).collect();
        self.world.session.play(ClipId(1), clip.into()).expect("nothing else plays");
        self.run(ms(100));
        self.world.peer.signal = spoken;
        (theirs, ours)
    }
}

#[test]
fn a_recording_of_an_hour_is_as_long_as_the_call_and_its_sides_stay_together() {
    for (seed, ppm, ptime) in [(1, 200, 160), (2, -200, 160), (3, 200, 240), (4, -200, 480)] {
        let network = Network { jitter: ms(5), ..Network::CLEAN };
        let mut world = World::new(seed, network, config());
        world.peer.ppm = ppm;
        world.peer.ptime = ptime;
        world.peer.signal = spoken;
        let began = world.now;
        let mut file = Cursor::new(Vec::new());
        let recorder = StereoRecorder::new(&mut file).expect("memory is there");
        let mut call = Recorded { world, recorder, began };
        call.run(ms(10_000));
        let early = call.whistle();
        call.run(HOUR - ms(20_000));
        let late = call.whistle();
        let rest = (call.began + HOUR).saturating_duration_since(call.world.now);
        call.run(rest);

        let stats = call.world.session.stats();
        let case = format!("seed {seed}, {ppm} ppm, {} ms packets: {stats:?}", ptime / 8);
        assert!(call.world.deepest <= ms(if ptime % 160 == 0 { 55 } else { 65 }), "{:?}, {case}", call.world.deepest);
        assert_eq!((stats.late, stats.lost), (0, 0), "{case}");
        assert!(stats.concealed <= ms(100), "{case}");
        // 720 ms of drift, left out or put in.
        let net = stats.shortened.as_millis() as i64 - (stats.lengthened + stats.concealed).as_millis() as i64;
        assert!((net - ppm * 36 / 10).abs() <= 60, "{net} ms, {case}");

        let length = call.finish();
        assert!(length.abs_diff(HOUR) <= ms(20), "{length:?}, {case}");
        file.set_position(0);
        let (heard, said) = whistles(RecordingReader::new(file).expect("it is a recording"));
        for (side, found, began) in [("heard", heard, [early.0, late.0]), ("said", said, [early.1, late.1])] {
            let [first, last] = [0, 1].map(|n| found[n].saturating_sub(began[n]));
            assert!(first.abs_diff(last) <= ms(20), "{side}: {first:?} and an hour later {last:?} behind, {case}");
            assert!(
                first.max(last) <= ms(if side == "heard" { 90 + ptime as u64 / 8 } else { 20 }),
                "{side}: {first:?}, {last:?}, {case}"
            );
        }
    }
}

/// Where the two whistles of each side begin.
fn whistles(recording: RecordingReader<Cursor<Vec<u8>>>) -> ([Duration; 2], [Duration; 2]) {
    let mut found = [Vec::new(), Vec::new()];
    for (n, (heard, said)) in recording.enumerate() {
        let at = Duration::from_micros(n as u64 * 125);
        for (side, sample) in found.iter_mut().zip([heard, said]) {
            // A whistle takes 100 ms.
            if sample > 20_000 && side.last().is_none_or(|&last| at - last > ms(1_000)) {
                side.push(at);
            }
        }
    }
    found.map(|side| <[Duration; 2]>::try_from(side).expect("each side whistles twice")).into()
}
