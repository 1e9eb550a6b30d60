//! Whether what was recognised was said.
//!
//! A grammar finds one of its sentences in everything. So the same audio is also decoded with any phones in any order
//! ([`super::network::any_phones`]), which fits every sound a little better than words do. Where the words fit almost
//! as well, they were said; where the phones fit much better, something else was. The scores are logarithms of
//! likelihoods in the program's own unit (about a tenth of a nat).
//!
//! The thresholds were chosen on six voices and 41 sentences and hold on others: see `tests/understanding.rs`.

use crate::provider::stt::Transcript;

/// How much better than the words the phones may fit: by this much for each frame (10 ms) of speech …
const PER_FRAME: f64 = 15.0;
/// … and by this much for each utterance: short words are uncertain at their ends.
const PER_UTTERANCE: f64 = 200.0;
/// How much better the phones may fit any single word, for each of its frames.
const PER_WORD_FRAME: f64 = 40.0;
/// Shorter words are too short to be looked at alone.
const WORD_FRAMES: usize = 8;
/// Fewer frames of anything but silence are no speech.
const SPEECH_FRAMES: usize = 10;

/// Columns of a table of segments.
const COLUMNS: usize = 7;

/// One decoding: the segments of each utterance found in the audio.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Decoding {
    utterances: Vec<Vec<Segment>>,
}

/// A stretch of audio taken for a word.
#[derive(Clone, Debug, PartialEq)]
struct Segment {
    word: String,
    first: usize,
    last: usize,
    score: f64,
}

impl Segment {
    const fn frames(&self) -> usize {
        self.last + 1 - self.first
    }

    /// Silence, breath, noise.
    fn is_filler(&self) -> bool {
        self.word.starts_with(['<', '[', '('])
    }
}

impl Decoding {
    /// Reads the tables of segments from what the program logs with `-backtrace yes`.
    pub(super) fn parse(log: &str) -> Self {
        let mut utterances: Vec<Vec<Segment>> = Vec::new();
        let mut in_table = false;
        for line in log.lines() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if fields.first() == Some(&"word") && fields.get(1) == Some(&"start") {
                utterances.push(Vec::new());
                in_table = true;
            } else if in_table && fields.len() == COLUMNS {
                // A way without a word at the very beginning is said to end before the first frame; it has no score.
                if let (Some(segment), Some(utterance)) = (segment(&fields), utterances.last_mut()) {
                    utterance.push(segment);
                }
            } else {
                in_table = false;
            }
        }
        Self { utterances }
    }

    fn frames_of_speech(&self) -> usize {
        self.utterances.iter().flatten().filter(|segment| !segment.is_filler()).map(Segment::frames).sum()
    }

    fn words(&self) -> Vec<&str> {
        let spoken = self.utterances.iter().flatten().filter(|segment| !segment.is_filler());
        spoken.map(|segment| segment.word.split('(').next().unwrap_or_default()).collect()
    }
}

/// `word first last probability acoustic language back-off`.
fn segment(fields: &[&str]) -> Option<Segment> {
    let [word, first, last, _, acoustic, language, _] = fields else { return None };
    let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
    let score = acoustic.parse::<f64>().ok()? + language.parse::<f64>().ok()?;
    // A null transition lies between two frames and has no length.
    (first <= last && last < 1_000_000).then(|| Segment { word: (*word).to_owned(), first, last, score })
}

/// What was said, given the best words and the best phones for the same audio.
pub(super) fn judge(words: &Decoding, phones: &Decoding) -> Transcript {
    let speech = phones.frames_of_speech();
    if speech < SPEECH_FRAMES {
        return Transcript::Nothing;
    }
    let said = words.words();
    if said.is_empty() || words.utterances.len() != phones.utterances.len() {
        return Transcript::OutOfGrammar;
    }
    let (mut advantage, mut worst) = (0.0_f64, 0.0_f64);
    for (words, phones) in words.utterances.iter().zip(&phones.utterances) {
        let total = |segments: &[Segment]| segments.iter().map(|segment| segment.score).sum::<f64>();
        advantage += total(phones) - total(words);
        worst = worst.max(worst_word(words, phones));
    }
    let allowed = PER_FRAME * speech as f64 + PER_UTTERANCE;
    if advantage > allowed || worst > PER_WORD_FRAME {
        return Transcript::OutOfGrammar;
    }
    let margin = (allowed - advantage) / speech as f64;
    let confidence = 1.0 / (1.0 + (-margin / 5.0).exp());
    Transcript::Words { text: said.join(" ").into(), confidence: Some(confidence as f32) }
}

/// The largest advantage of the phones over a single word, for each frame of it.
fn worst_word(words: &[Segment], phones: &[Segment]) -> f64 {
    let end = words.iter().chain(phones).map(|segment| segment.last + 1).max().unwrap_or(0);
    let mut frames = vec![0.0; end];
    for segment in phones.iter().filter(|segment| segment.word != "(NULL)") {
        let share = segment.score / segment.frames() as f64;
        frames[segment.first..=segment.last].fill(share);
    }
    let long = words.iter().filter(|word| !word.is_filler() && word.frames() >= WORD_FRAMES);
    long.map(|word| (frames[word.first..=word.last].iter().sum::<f64>() - word.score) / word.frames() as f64)
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(rows: &str) -> Decoding {
        Decoding::parse(&format!(
            "INFO: x.c(1): some (-9)\nword   start end   pprob ascr lscr lback\n{rows}INFO: end\n"
        ))
    }

    const PHONES: &str = "<sil> 0 9 1.000 -90 -52 1\n+y 10 29 1.000 -300 0 1\n(NULL) 29 29 1.000 0 0 1\n\
                          +s 30 59 1.000 -600 0 1\n<sil> 60 80 1.000 -200 -52 1\n";

    fn words(score: i32) -> String {
        format!("<sil> 0 9 1.000 -90 -52 1\nyes(2) 10 59 1.000 {score} 0 1\n<sil> 60 80 1.000 -200 -52 1\n")
    }

    #[test]
    fn words_that_fit_almost_as_well_as_phones_were_said() {
        let Transcript::Words { text, confidence } = judge(&log(&words(-1_000)), &log(PHONES)) else {
            panic!("it was said")
        };
        assert_eq!(text.expose(), "yes");
        assert!(confidence.is_some_and(|sure| sure > 0.9), "{confidence:?}");
    }

    #[test]
    fn words_that_fit_much_worse_were_not() {
        // 50 frames of speech allow 950.
        assert!(matches!(judge(&log(&words(-1_800)), &log(PHONES)), Transcript::Words { .. }));
        assert_eq!(judge(&log(&words(-1_900)), &log(PHONES)), Transcript::OutOfGrammar);
    }

    #[test]
    fn one_word_that_does_not_fit_is_enough() {
        let rows = "<sil> 0 9 1.000 -90 -52 1\nno 10 49 1.000 -500 0 1\nsir 50 59 1.000 -700 0 1\n";
        assert_eq!(judge(&log(rows), &log(PHONES)), Transcript::OutOfGrammar);
    }

    #[test]
    fn silence_is_nothing_and_no_sentence_is_out_of_grammar() {
        assert_eq!(judge(&log(""), &log("<sil> 0 80 1.000 -90 -52 1\n")), Transcript::Nothing);
        assert_eq!(judge(&log(""), &log(PHONES)), Transcript::OutOfGrammar);
        assert_eq!(judge(&Decoding::default(), &Decoding::default()), Transcript::Nothing);
    }

    #[test]
    fn a_way_without_a_word_at_the_beginning_ends_before_it_begins() {
        let decoding = log(&format!("(NULL) -1 -1 1.000 0 0 1\n{}", words(-1_000)));
        assert_eq!(decoding.words(), ["yes"]);
    }

    #[test]
    fn garbage_in_the_log_is_no_segment() {
        let decoding = log("yes 9 3 1.0 -5 0 1\n");
        assert_eq!(decoding.words(), [""; 0]);
        assert_eq!(log("yes 0 99999999999 1.0 -5 0 1\n").words(), [""; 0]);
        assert_eq!(log("yes a b c d e f\n").words(), [""; 0]);
    }
}
