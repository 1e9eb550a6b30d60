//! When the caller's voice and keys are left aside.

/// How far what the caller does counts at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hearing {
    /// Nothing counts: the phone rings, the agent says goodbye, or the call is over.
    Nothing,
    /// Everything counts.
    Everything,
}

/// What counts while the conversation has been `opened` by the agent's first words and may be `closing` with its last.
pub(crate) const fn hearing(opened: bool, closing: bool) -> Hearing {
    if opened && !closing { Hearing::Everything } else { Hearing::Nothing }
}
