//! Whether what was recognised was said.
//!
//! A grammar finds one of its sentences in everything. So the same audio is also decoded with any phones in any order
//! ([`super::network::any_phones`]), which fits every sound a little better than words do. Where the words fit almost
//! as well, they were said; where the phones fit much better, or the words leave speech out, something else was. The
//! scores are logarithms of
//! likelihoods in the program's own unit (about a tenth of a nat).
//!
//! The thresholds were chosen on twelve voices and hold on others: see `tests/understanding`.

use crate::provider::stt::Transcript;

/// How much better than the words the phones may fit: by this much for each frame (10 ms) of speech …
const PER_FRAME: f64 = 10.0;
/// … and by this much for each utterance: short words are uncertain at their ends.
const PER_UTTERANCE: f64 = 850.0;
/// … by so much less where the words stand in sequences: whoever may choose each word finds some that fit to any talk.
const SEQUENCES: f64 = 550.0;
/// What speech that the words leave out counts against them, for each frame …
const PER_FRAME_LEFT_OUT: f64 = 60.0;
/// … after the first ones: words and phones do not end at the same frame.
const LEFT_OUT_FREE: usize = 10;
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

/// What was said, given the best words and the best phones for the same audio, and whether the grammar has sequences.
pub(super) fn judge(words: &Decoding, phones: &Decoding, sequences: bool) -> Transcript {
    let speech = phones.frames_of_speech();
    if speech < SPEECH_FRAMES {
        return Transcript::Nothing;
    }
    let said = words.words();
    if said.is_empty() || words.utterances.len() != phones.utterances.len() {
        return Transcript::OutOfGrammar;
    }
    let mut advantage = 0.0;
    for (words, phones) in words.utterances.iter().zip(&phones.utterances) {
        let total = |segments: &[Segment]| segments.iter().map(|segment| segment.score).sum::<f64>();
        advantage += total(phones) - total(words);
        advantage += PER_FRAME_LEFT_OUT * left_out(words, phones).saturating_sub(LEFT_OUT_FREE) as f64;
    }
    let allowed = PER_FRAME * speech as f64 + PER_UTTERANCE - if sequences { SEQUENCES } else { 0.0 };
    if advantage > allowed {
        return Transcript::OutOfGrammar;
    }
    let margin = (allowed - advantage) / speech as f64;
    let confidence = 1.0 / (1.0 + (-margin / 5.0).exp());
    Transcript::Words { text: said.join(" ").into(), confidence: Some(confidence as f32) }
}

/// Frames that sound like speech and belong to no word.
fn left_out(words: &[Segment], phones: &[Segment]) -> usize {
    let end = words.iter().chain(phones).map(|segment| segment.last + 1).max().unwrap_or(0);
    let mut speech = vec![false; end];
    for (segments, is_speech) in [(phones, true), (words, false)] {
        for segment in segments.iter().filter(|segment| !segment.is_filler()) {
            speech[segment.first..=segment.last].fill(is_speech);
        }
    }
    speech.into_iter().filter(|left_out| *left_out).count()
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
        let Transcript::Words { text, confidence } = judge(&log(&words(-1_000)), &log(PHONES), false) else {
            panic!("it was said")
        };
        assert_eq!(text.expose(), "yes");
        assert!(confidence.is_some_and(|sure| sure > 0.9), "{confidence:?}");
    }

    #[test]
    fn words_that_fit_much_worse_were_not() {
        // 50 frames of speech allow 1350.
        assert!(matches!(judge(&log(&words(-2_000)), &log(PHONES), false), Transcript::Words { .. }));
        assert_eq!(judge(&log(&words(-2_400)), &log(PHONES), false), Transcript::OutOfGrammar);
        assert_eq!(judge(&log(&words(-2_000)), &log(PHONES), true), Transcript::OutOfGrammar, "words put together");
    }

    #[test]
    fn speech_that_the_words_leave_out_counts_against_them() {
        // The words explain the first 10 of 50 frames and take the rest for silence.
        let rows = "<sil> 0 9 1.000 -90 -52 1\nyes 10 19 1.000 -200 0 1\n<sil> 20 80 1.000 -900 -52 1\n";
        assert_eq!(judge(&log(rows), &log(PHONES), false), Transcript::OutOfGrammar);
    }

    #[test]
    fn silence_is_nothing_and_no_sentence_is_out_of_grammar() {
        assert_eq!(judge(&log(""), &log("<sil> 0 80 1.000 -90 -52 1\n"), false), Transcript::Nothing);
        assert_eq!(judge(&log(""), &log(PHONES), false), Transcript::OutOfGrammar);
        assert_eq!(judge(&Decoding::default(), &Decoding::default(), false), Transcript::Nothing);
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
