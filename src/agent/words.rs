//! What callers say as words, and patterns that find phrases in them: shared with the detection of who answered.

pub(crate) use callwright_media::words::{any_said, fold, words};
