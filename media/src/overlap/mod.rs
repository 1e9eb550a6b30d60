//! What comes from the caller while the agent speaks: somebody who wants the word, somebody who listens, or no one.

/// What a sound over the agent's voice is taken for. Later verdicts on the same sound replace earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Overlap {
    /// There is a voice, and more of it is needed: a verdict follows within 500 ms of its onset.
    Undecided,
    /// Speech that wants the word.
    Speech,
    /// A short remark of a listener: "mhm", "yeah", "okay".
    BackChannel,
    /// A cough, a laugh, a breath, noise or music on the line.
    Noise,
    /// The agent's own voice, come back.
    Echo,
}
