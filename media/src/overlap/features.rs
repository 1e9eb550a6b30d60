//! A sound in numbers that tell talk from remarks and voices from noises.

use super::sound::{LONGEST, Moment};

/// How many numbers there are.
pub(super) const FEATURES: usize = 42;

/// The numbers, in the order of [`features`].
pub(super) type Features = [f32; FEATURES];

/// A frame so far under the loudest is a pause, or the fading of the last word. What it sounds like does not matter: it
/// may be the line, the room, or what comes back of the agent's voice.
const ACTIVE_DB: f32 = 14.0;

/// So far under the loudest all frames are equally silent.
const SILENT_DB: f32 = 25.0;

/// A syllable is a rise by this much, and ends in a fall by as much.
const SYLLABLE_DB: f32 = 4.0;

/// Pairs of frames without which a beat says nothing.
const LEAST_PAIRS: usize = 4;

/// Distance of two spectra 40 ms apart that is a new sound and no glide.
const NEW_SOUND: f32 = 1.0;

/// First correlation under which a frame hisses.
const HISS: f32 = 0.2;

/// A change of pitch by three semitones from one frame to the next.
const JUMP: f32 = 0.25;

/// The longest sound that is told by its length, in frames.
const LONGEST_TOLD: u32 = 28;

/// The numbers of a sound that has lasted `frames` frames, from its last ones. At least 12 make sense.
pub(super) fn features(moments: &[Moment], frames: u32) -> Features {
    let sound = &Stretch::of(&moments[moments.len().saturating_sub(LONGEST)..]);
    let mut features = [0.0; FEATURES];
    let groups: [&[f32]; 6] =
        [&levels(sound, frames), &syllables(sound), &changes(sound), &voice(sound), &pitch(sound), &colour(sound)];
    let values = groups.into_iter().flatten();
    features.iter_mut().zip(values).for_each(|(slot, value)| *slot = *value);
    features
}

/// Share of the frames that are neither pause nor fading that are harmonic.
pub(super) fn harmonic_share(moments: &[Moment]) -> f32 {
    let sound = Stretch::of(moments);
    sound.count(moments, Moment::is_harmonic) / sound.count(moments, |_| true).max(1.0)
}

/// What is looked at, with the level of its loudest frame.
struct Stretch<'a> {
    all: &'a [Moment],
    loudest: f32,
}

impl<'a> Stretch<'a> {
    fn of(all: &'a [Moment]) -> Self {
        Self { all, loudest: all.iter().map(|moment| moment.level).fold(-96.0, f32::max) }
    }

    fn is_active(&self, moment: &Moment) -> bool {
        moment.level > self.loudest - ACTIVE_DB
    }

    fn last(&self, count: usize) -> &'a [Moment] {
        &self.all[self.all.len().saturating_sub(count)..]
    }

    fn active<'b>(&'b self, of: &'b [Moment]) -> impl Iterator<Item = &'b Moment> + Clone {
        of.iter().filter(|moment| self.is_active(moment))
    }

    fn count(&self, of: &[Moment], is: impl Fn(&Moment) -> bool) -> f32 {
        self.active(of).filter(|moment| is(moment)).count() as f32
    }

    /// Level above which all is silence, less the mean.
    fn contour(&self) -> impl Fn(&Moment) -> f32 {
        let least = self.loudest - SILENT_DB;
        let mean = mean(self.all.iter().map(|moment| moment.level.max(least)));
        move |moment| moment.level.max(least) - mean
    }
}

/// Loudest of the last one, two, three, five frames, in dB under the loudest of all; frames that are neither pause nor
/// fading; how much the level varies; how well its contour repeats itself after 120 to 240 ms; frames since the
/// loudest one; how it rises or falls in the end; length.
fn levels(sound: &Stretch<'_>, frames: u32) -> [f32; 10] {
    let all = sound.all;
    let last = |count: usize| {
        let peak = sound.last(count).iter().map(|moment| moment.level).fold(-96.0, f32::max);
        (peak - sound.loudest).max(-ACTIVE_DB)
    };
    let contour = sound.contour();
    let power: f32 = all.iter().map(|moment| contour(moment).powi(2)).sum();
    let repeats = |beat: usize| -> f32 {
        let pairs = all.iter().zip(all.iter().skip(beat));
        pairs.map(|(before, after)| contour(before) * contour(after)).sum::<f32>() / (power + 1e-3)
    };
    let beat = (6..13).filter(|beat| all.len() > beat + 3).map(repeats).reduce(f32::max).unwrap_or(0.0);
    let loudest_at = all.iter().position(|moment| moment.level >= sound.loudest).unwrap_or(0);
    let slope = match sound.last(4) {
        [before, _, _, newest] => (newest.level - before.level).clamp(-15.0, 15.0),
        _ => 0.0,
    };
    [
        last(1),
        last(2),
        last(3),
        last(5),
        sound.count(all, |_| true),
        (power / all.len().max(1) as f32).sqrt(),
        beat,
        (all.len() - loudest_at) as f32,
        slope,
        frames.min(LONGEST_TOLD) as f32,
    ]
}

/// Syllables; frames since the last one's peak, and since it began; how different their peaks sound, and whether there
/// is only one.
fn syllables(sound: &Stretch<'_>) -> [f32; 5] {
    let all = sound.all;
    let (mut count, mut peak, mut rise) = (0, 0, 0);
    let (mut low, mut high, mut inside) = (-60.0f32, -96.0, false);
    let (mut before, mut peaks, mut apart): (Option<&Moment>, u32, f32) = (None, 0, 0.0);
    let mut ended = |peak: usize| {
        let peak = &all[peak];
        if sound.is_active(peak) {
            apart += before.map_or(0.0, |before| before.distance(peak));
            (before, peaks) = (Some(peak), peaks + 1);
        }
    };
    for (n, Moment { level, .. }) in all.iter().enumerate() {
        if inside {
            if *level > high {
                (high, peak) = (*level, n);
            }
            if *level < high - SYLLABLE_DB {
                (inside, low) = (false, *level);
                ended(peak);
            }
        } else {
            low = low.min(*level);
            if *level > low + SYLLABLE_DB && *level > sound.loudest - 15.0 {
                (inside, high) = (true, *level);
                (count, peak, rise) = (count + 1, n, n);
            }
        }
    }
    if inside {
        ended(peak);
    }
    let apart = if peaks >= 2 { apart / (peaks - 1) as f32 } else { 0.0 };
    [count as f32, (all.len() - peak) as f32, (all.len() - rise) as f32, apart, f32::from(u8::from(peaks < 2))]
}

/// How fast the spectrum changes: over all frames, over the last seven, over the last eleven; frames that begin a new
/// sound; how far the sound is from what it was a beat (120 to 220 ms) before, for the best beat, because laughs and
/// hums repeat themselves; how far the end is from the beginning.
fn changes(sound: &Stretch<'_>) -> [f32; 6] {
    let all = sound.all;
    let flux = |moments: &[Moment]| {
        let pairs = moments.iter().zip(moments.iter().skip(2));
        pairs.filter(|(before, after)| sound.is_active(before) && sound.is_active(after)).fold(
            (0.0, 0.0),
            |(sum, far), (before, after)| {
                let distance = before.distance(after);
                (sum + distance, if distance > NEW_SOUND { far + 1.0 } else { far })
            },
        )
    };
    let apart = |beat: usize| {
        let pairs = all.iter().zip(all.iter().skip(beat));
        let active = pairs.filter(|(before, after)| sound.is_active(before) && sound.is_active(after));
        let (sum, count) =
            active.fold((0.0, 0), |(sum, count), (before, after)| (sum + before.distance(after), count + 1));
        (count >= LEAST_PAIRS).then(|| sum / count as f32)
    };
    let middle = |moments: &mut dyn Iterator<Item = &Moment>| {
        let (mut sum, mut count) = ([0.0f32; 8], 0.0);
        for moment in moments {
            sum.iter_mut().zip(&moment.cepstrum).for_each(|(sum, value)| *sum += value);
            count += 1.0;
        }
        sum.map(|sum| sum / f32::max(count, 1.0))
    };
    let active = sound.count(all, |_| true) as usize;
    let first = middle(&mut sound.active(all).take(5));
    let last = middle(&mut sound.active(all).skip(active.saturating_sub(5)));
    let (whole, new) = flux(all);
    [
        whole / all.len().max(1) as f32,
        flux(sound.last(7)).0 / 6.0,
        flux(sound.last(11)).0 / 10.0,
        new,
        (6..12).filter_map(apart).reduce(f32::min).unwrap_or(0.0),
        super::sound::distance(&first, &last),
    ]
}

/// Frames with voice, of all and of the last five; how much the network of the voice detector believes, in all and in
/// the last six; share of active frames that are harmonic, and how many of the last six are; how harmonic they are on
/// average and at best; frames before the first harmonic one; how often it changes.
fn voice(sound: &Stretch<'_>) -> [f32; 10] {
    let all = sound.all;
    let first = all.iter().position(|moment| sound.is_active(moment) && moment.is_harmonic());
    let turns = all.iter().zip(all.iter().skip(1)).filter(|(a, b)| a.is_harmonic() != b.is_harmonic()).count();
    [
        sound.count(all, |moment| moment.voiced),
        sound.count(sound.last(5), |moment| moment.voiced),
        mean(sound.active(all).map(|moment| moment.probability)),
        mean(sound.last(6).iter().map(|moment| moment.probability)),
        harmonic_share(all),
        sound.count(sound.last(6), Moment::is_harmonic),
        mean(sound.active(all).map(|moment| moment.harmonicity)),
        sound.active(all).map(|moment| moment.harmonicity).fold(0.0, f32::max),
        first.unwrap_or(all.len()) as f32,
        turns as f32,
    ]
}

/// How different the vowels are; their pitch in octaves over 147 Hz, its range, and how often it jumps.
fn pitch(sound: &Stretch<'_>) -> [f32; 4] {
    let vowels = || sound.active(sound.all).filter(|moment| moment.is_harmonic());
    let count = vowels().count();
    if count < 3 {
        return [0.0; 4];
    }
    let mut middle = [0.0f32; 8];
    for moment in vowels() {
        middle.iter_mut().zip(&moment.cepstrum).for_each(|(sum, value)| *sum += value / count as f32);
    }
    let spread = mean(vowels().map(|moment| super::sound::distance(&moment.cepstrum, &middle)));
    let mut heights = [0.0; LONGEST];
    for (slot, moment) in heights.iter_mut().zip(vowels()) {
        *slot = moment.octaves();
    }
    let heights = &mut heights[..count];
    let jumps = heights.windows(2).filter(|pair| (pair[1] - pair[0]).abs() > JUMP).count();
    heights.sort_unstable_by(f32::total_cmp);
    let at = |share: f32| {
        let place = share * (count - 1) as f32;
        let (low, part) = (place as usize, place.fract());
        heights[low] + part * (heights[(low + 1).min(count - 1)] - heights[low])
    };
    [spread, at(0.5), (at(0.85) - at(0.15)).clamp(0.0, 1.5), jumps as f32 / (count - 1) as f32]
}

/// First correlation: on average, over the last six frames, its deviation, its least; frames that hiss; how predictable
/// the sound is, and how much that varies.
fn colour(sound: &Stretch<'_>) -> [f32; 7] {
    let all = sound.all;
    let tilts = sound.active(all).map(|moment| moment.tilt);
    let gains = sound.active(all).map(|moment| moment.gain);
    [
        mean(tilts.clone()),
        mean(sound.active(sound.last(6)).map(|moment| moment.tilt)),
        deviation(tilts.clone()),
        tilts.fold(1.0, f32::min),
        sound.count(all, |moment| moment.tilt < HISS),
        mean(gains.clone()),
        deviation(gains),
    ]
}

/// 0 of nothing.
fn mean(values: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / f32::max(count, 1.0)
}

fn deviation(values: impl Iterator<Item = f32> + Clone) -> f32 {
    let mean = mean(values.clone());
    self::mean(values.map(|value| (value - mean).powi(2))).sqrt()
}
