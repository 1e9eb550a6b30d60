use super::*;
use crate::time;

/// Plays what it is told to, in virtual time: what is opened starts at once, what is complete ends when it was played.
struct Leg {
    now: Instant,
    playback: Playback,
    said: Vec<String>,
    /// Clips that wait: their id, how many samples are left, whether more follows.
    clips: VecDeque<(u64, u64, bool)>,
    started: bool,
    starved: bool,
}

impl Leg {
    fn new() -> Self {
        let mut playback = Playback::default();
        playback.set_floor(true);
        Self {
            now: time::now().mono,
            playback,
            said: Vec::new(),
            clips: VecDeque::new(),
            started: false,
            starved: false,
        }
    }

    fn does(&mut self) {
        while let Some(step) = self.playback.poll_step() {
            match step {
                Step::Open(id) => self.clips.push_back((id, 0, true)),
                Step::Append(id, pcm) => {
                    let (last, samples, open) = self.clips.back_mut().expect("a clip");
                    assert!(*last == id && *open, "only the last clip grows");
                    *samples += pcm.len() as u64;
                }
                Step::Close(id) => {
                    let (_, _, open) = self.clips.iter_mut().find(|(known, ..)| *known == id).expect("a clip");
                    assert!(std::mem::replace(open, false), "once");
                }
                Step::Stop => {
                    self.said.push("stop".to_owned());
                    (self.started, self.starved) = (false, false);
                    for (id, ..) in std::mem::take(&mut self.clips) {
                        self.playback.ended(self.now, id);
                    }
                }
                Step::Played(name) => self.said.push(name.into_inner()),
            }
        }
        assert!(self.clips.len() <= AHEAD, "the leg has not too many before it");
    }

    fn audio(&mut self, ms: u64) {
        self.playback.audio(self.now, vec![0; usize::try_from(ms * PER_MS).expect("it fits")].into());
        self.does();
    }

    fn mark(&mut self, name: &str) {
        self.playback.mark(self.now, name.to_owned().into());
        self.does();
    }

    fn clear(&mut self) {
        self.playback.clear();
        self.does();
    }

    /// Plays for so long, 20 ms at a time.
    fn plays(&mut self, ms: u64) {
        for _ in 0..ms / 20 {
            let mut room = 20 * PER_MS;
            while let Some(&(id, samples, open)) = self.clips.front() {
                if !std::mem::replace(&mut self.started, true) {
                    assert!(self.playback.started(id, self.now));
                }
                if samples > 0 && std::mem::take(&mut self.starved) {
                    self.playback.fed(id, self.now);
                }
                let step = samples.min(room);
                self.clips[0].1 -= step;
                room -= step;
                if self.clips[0].1 > 0 {
                    break;
                }
                if open {
                    if !std::mem::replace(&mut self.starved, true) {
                        self.playback.starved(id, self.now);
                    }
                    break;
                }
                self.clips.pop_front();
                (self.started, self.starved) = (false, false);
                self.playback.ended(self.now, id);
                self.does();
            }
            self.now += Duration::from_millis(20);
        }
    }
}

#[test]
fn marks_come_back_when_what_was_before_them_was_heard() {
    let mut leg = Leg::new();
    leg.mark("nothing before");
    assert_eq!(leg.said, ["nothing before"]);
    leg.audio(100);
    leg.mark("one");
    leg.audio(100);
    leg.audio(100);
    leg.mark("two");
    leg.mark("two too");
    leg.plays(80);
    assert_eq!(leg.said.len(), 1, "not yet");
    leg.plays(40);
    assert_eq!(leg.said[1..], ["one"]);
    leg.plays(160);
    assert_eq!(leg.said.len(), 2);
    leg.plays(40);
    assert_eq!(leg.said[2..], ["two", "two too"]);
    assert!(leg.playback.is_idle());
}

#[test]
fn a_mark_behind_words_that_were_heard_already_comes_back_with_the_next_tick() {
    let mut leg = Leg::new();
    leg.audio(60);
    leg.plays(200);
    leg.mark("late");
    assert_eq!(leg.said, [""; 0]);
    leg.plays(20);
    assert_eq!(leg.said, ["late"]);
}

#[test]
fn clear_drops_what_waits_and_gives_every_mark_back_in_order() {
    let mut leg = Leg::new();
    let names: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    for name in &names {
        leg.audio(20);
        leg.mark(name);
    }
    leg.plays(100);
    assert_eq!(leg.said, names[..5]);
    leg.clear();
    assert_eq!(leg.said[5], "stop");
    assert_eq!(leg.said[6..], names[5..]);
    assert!(leg.playback.is_idle());
    leg.clear();
    assert_eq!(leg.said.len(), 301, "nothing is stopped twice");
    leg.audio(20);
    leg.mark("again");
    leg.plays(20);
    assert_eq!(leg.said.last().map(String::as_str), Some("again"));
}

#[test]
fn thirty_seconds_at_once_with_a_mark_for_each_packet_are_played_without_a_gap() {
    let mut leg = Leg::new();
    let names: Vec<String> = (0..1_000).map(|n| n.to_string()).collect();
    for name in &names {
        leg.audio(30);
        leg.mark(name);
    }
    leg.plays(29_980);
    assert_eq!(leg.said.len(), 999);
    leg.plays(20);
    assert_eq!(leg.said, names);
    assert_eq!(leg.playback.dropped(), Dropped::default());
}

#[test]
fn what_is_too_much_is_dropped_and_counted() {
    let mut leg = Leg::new();
    (0..130).for_each(|_| leg.audio(1_000));
    assert_eq!(leg.playback.dropped(), Dropped { samples: 10 * 8_000, marks: 0 });
    leg.plays(5_000);
    (0..10).for_each(|_| leg.audio(1_000));
    assert_eq!(leg.playback.dropped().samples, 15 * 8_000, "as much as was played fits again");
    (0..=MOST_MARKS).for_each(|n| leg.mark(&n.to_string()));
    assert_eq!(leg.playback.dropped().marks, 1);
    leg.clear();
    assert_eq!(leg.said.len(), 1 + MOST_MARKS);
    // A flood of crumbs takes no more room than this.
    let crumb: Arc<[i16]> = [0].into();
    for n in 0..600_000 {
        leg.playback.audio(leg.now, Arc::clone(&crumb));
        if n % 7 == 0 {
            leg.playback.mark(leg.now, String::new().into());
        }
    }
    leg.does();
    assert!(leg.playback.backlog.len() <= BACKLOG + MOST_MARKS && leg.playback.dropped().samples > 80_000);
}

#[test]
fn a_bot_that_is_not_heard_gets_its_marks_back_at_once() {
    let mut leg = Leg::new();
    leg.audio(100);
    leg.mark("cut");
    leg.playback.set_floor(false);
    leg.does();
    assert_eq!(leg.said, ["stop", "cut"]);
    leg.audio(100);
    leg.mark("unheard");
    assert_eq!(leg.said[2..], ["unheard"]);
    assert!(leg.clips.is_empty(), "nothing of it is played");
    leg.playback.set_floor(true);
    leg.audio(20);
    assert_eq!(leg.clips.len(), 1);
}

#[test]
fn after_a_lull_the_next_words_are_a_clip_of_their_own() {
    let mut leg = Leg::new();
    leg.audio(40);
    leg.plays(100);
    leg.audio(40);
    assert_eq!(leg.clips.len(), 1, "a short gap is a hiccup");
    leg.plays(400);
    leg.audio(40);
    assert_eq!(leg.clips.iter().filter(|(_, _, open)| *open).count(), 1);
    assert_eq!(leg.clips.len(), 2, "the next words wait for no reserve");
    leg.playback.finish();
    leg.does();
    leg.plays(100);
    assert!(leg.playback.is_idle());
}

#[test]
fn clips_that_somebody_else_cut_give_their_marks_back() {
    let mut leg = Leg::new();
    leg.audio(100);
    leg.mark("one");
    leg.audio(100);
    let ids: Vec<u64> = leg.clips.iter().map(|(id, ..)| *id).collect();
    leg.clips.clear();
    ids.into_iter().for_each(|id| leg.playback.ended(leg.now, id));
    leg.does();
    assert_eq!(leg.said, ["one"]);
    assert!(leg.playback.is_idle());
    leg.playback.ended(leg.now, FIRST_CLIP);
    assert!(leg.playback.poll_step().is_none(), "what is unknown has no effect");
}

/// Whatever a bot sends in whatever order: every mark comes back once and in order, and nothing is left behind.
#[test]
fn marks_keep_their_order_whatever_happens() {
    for seed in 0..50_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut draw = |of: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % of
        };
        let mut leg = Leg::new();
        let mut sent = 0_u64;
        for _ in 0..400 {
            match draw(12) {
                0..=4 => leg.audio(draw(300) + 1),
                5..=8 => {
                    leg.mark(&sent.to_string());
                    sent += 1;
                }
                9 => leg.clear(),
                10 => {
                    let floor = draw(2) == 0;
                    leg.playback.set_floor(floor);
                    leg.does();
                }
                _ => leg.plays(draw(400)),
            }
        }
        leg.playback.finish();
        leg.does();
        leg.plays(200_000);
        let back: Vec<u64> = leg.said.iter().filter_map(|said| said.parse().ok()).collect();
        assert_eq!(back, (0..sent).collect::<Vec<_>>(), "seed {seed}");
        assert!(leg.playback.is_idle() && leg.clips.is_empty(), "seed {seed}");
    }
}
