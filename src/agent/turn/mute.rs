//! When the caller's voice and keys are left aside.

/// How far what the caller does counts at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// Nothing counts: the phone rings, the agent says goodbye, or the call is over.
    Nothing,
    /// Keys count, the voice is not listened to: card data is being typed, and what is said beside it is nobody's
    /// business.
    Keys,
    /// Everything counts, but nothing stops the agent: it says what must be heard.
    Uninterrupted,
    /// Everything counts.
    Everything,
}

impl Hearing {
    /// Whether turns are heard.
    #[must_use]
    pub const fn hears_voice(self) -> bool {
        match self {
            Self::Nothing | Self::Keys => false,
            Self::Uninterrupted | Self::Everything => true,
        }
    }
}

/// What the conversation is doing, as far as it matters for hearing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a circumstance of its own")]
pub struct Circumstances {
    /// The agent has not opened the conversation: it rings, or the callee's hello is waited for.
    pub unopened: bool,
    /// The agent says its last words, or is told to.
    pub closing: bool,
    /// The agent says a disclosure that must be heard to its end.
    pub disclosing: bool,
    /// A card number, a code, a password is being typed.
    pub secret: bool,
}

/// What counts in these circumstances; the strictest rule wins.
#[must_use]
pub const fn rule(circumstances: Circumstances) -> Hearing {
    if circumstances.unopened || circumstances.closing {
        Hearing::Nothing
    } else if circumstances.secret {
        Hearing::Keys
    } else if circumstances.disclosing {
        Hearing::Uninterrupted
    } else {
        Hearing::Everything
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_rule_wins() {
        let all = Circumstances { unopened: false, closing: true, disclosing: true, secret: true };
        assert_eq!(rule(all), Hearing::Nothing);
        assert_eq!(rule(Circumstances { closing: false, ..all }), Hearing::Keys);
        assert_eq!(rule(Circumstances { disclosing: true, ..Circumstances::default() }), Hearing::Uninterrupted);
        assert_eq!(rule(Circumstances::default()), Hearing::Everything);
        assert_eq!(rule(Circumstances { unopened: true, ..Circumstances::default() }), Hearing::Nothing);
    }
}
