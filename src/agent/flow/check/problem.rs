//! What can be wrong with an assistant, and what to do about it.

/// What can be wrong with an assistant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Too short or too long.
    #[error("must have {min} to {max} {unit}")]
    Length {
        /// Fewest.
        min: usize,
        /// Most.
        max: usize,
        /// Of what.
        unit: &'static str,
    },
    /// Not between two numbers.
    #[error("must be between {min} and {max}")]
    Range {
        /// Smallest.
        min: u32,
        /// Largest.
        max: u32,
    },
    /// Too small.
    #[error("must be at least {0}")]
    AtLeast(u64),
    /// Not a name.
    #[error("must be 1 to 64 lower-case letters, digits and underscores, beginning with a letter")]
    NotAName,
    /// Not the name of a provider or of a secret.
    #[error("must be 1 to 64 letters, digits, `.`, `-` and `_`")]
    NotAReference,
    /// Not a voice name.
    #[error("must be 1 to 64 letters, digits, `+`, `-` and `_`, beginning with a letter or digit")]
    NotAVoice,
    /// A voice of another language.
    #[error("the offline voice `{0}` does not speak this language")]
    ForeignVoice(String),
    /// A language nothing is known of.
    #[error("language `{0}` is not available; available: en, de")]
    UnknownLanguage(String),
    /// Something the mode cannot do without.
    #[error("`{field}` is needed in mode `{mode}`")]
    Missing {
        /// The field.
        field: &'static str,
        /// The mode.
        mode: &'static str,
    },
    /// A message is to be left, and there is none.
    #[error("a message is needed with `leave_message`")]
    NoMessage,
    /// Two things with one name.
    #[error("`{0}` is used twice")]
    Duplicate(String),
    /// An answer has the name of a variable.
    #[error("`{0}` is a variable already")]
    IsVariable(String),
    /// A name that stands for something else in templates.
    #[error("`{0}` has a meaning of its own in templates")]
    ReservedName(String),
    /// There is no such node.
    #[error("there is no node `{0}`")]
    UnknownNode(String),
    /// No path leads here.
    #[error("no path from the start leads to this node")]
    Unreachable,
    /// No path leads from here to an end.
    #[error("no path from this node leads to an end")]
    NoExit,
    /// Nodes that lead to one another without giving the caller the word.
    #[error("the nodes lead in a circle in which nothing is asked")]
    EndlessCircle,
    /// A template that cannot be read.
    #[error("not a valid template: {0}")]
    Template(String),
    /// A variable that is not declared.
    #[error("variable `{0}` is not declared in `variables`")]
    UnknownVariable(String),
    /// A branch on something that is neither asked nor declared.
    #[error("`{0}` is neither a question, nor a result of a tool, nor a variable")]
    UnknownSubject(String),
    /// A tool that there is not.
    #[error("there is no tool `{0}`")]
    UnknownTool(String),
    /// Nobody of that name to hand over to.
    #[error("there is no entry `{0}` in `transfers`")]
    UnknownTransfer(String),
    /// A comparison with something that is no number and no day.
    #[error("must be a number, a day such as `2026-03-05`, or `today`")]
    NotComparable,
    /// Arguments that are no object.
    #[error("must be an object")]
    NotAnObject,
    /// Not a country.
    #[error("must be a country of ISO 3166-1, such as `DE`")]
    NotACountry,
    /// An answer that only free speech can give, and no recogniser for it.
    #[error("an e-mail address is not understood offline")]
    NeedsRecogniser,
    /// More than the offline recogniser can tell apart.
    #[error("the phrases of a question have {words} words in all; the recogniser takes {max}")]
    GrammarTooLarge {
        /// What there is.
        words: usize,
        /// What it takes.
        max: usize,
    },
    /// A case that the question cannot have.
    #[error("the answer to this question is never `{0}`")]
    ImpossibleCase(String),
    /// A word the recogniser has no pronunciation for.
    #[error("the recogniser does not know the word `{0}`")]
    UnknownWord(String),
    /// Something that is no word.
    #[error("`{0}` is not a phrase of lower-case words")]
    NotAPhrase(String),
    /// A phrase that means something in every question.
    #[error("`{0}` has a meaning of its own in every question")]
    Reserved(String),
    /// Not a key.
    #[error("must be one key, `0` to `9`")]
    NotAKey,
    /// Not a web address.
    #[error("must be a web address with `https://` or `http://` and the host written out")]
    NotAUrl,
    /// Not the name of a header, or one that belongs to the connection.
    #[error("`{0}` cannot be set as a header")]
    NotAHeader(String),
    /// Not a schema that a tool can have.
    #[error("must be a JSON Schema whose `type` is `object`")]
    NotASchema,
    /// Neither a phone number nor a SIP address.
    #[error("must be a phone number such as +4930123456 or a SIP address")]
    NotATarget,
    /// A briefing that nobody would hear.
    #[error("a briefing is heard only with kind `warm`")]
    UnheardBriefing,
    /// A tool that hands over, and nobody to hand over to.
    #[error("the tool `transfer` needs somebody in `transfers`")]
    NoTransfers,
}

impl Problem {
    /// Stable name of the problem, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Length { .. } => "length",
            Self::Range { .. } => "range",
            Self::AtLeast(_) => "at_least",
            Self::NotAName => "name",
            Self::NotAReference => "reference",
            Self::NotAVoice => "voice",
            Self::ForeignVoice(_) => "foreign_voice",
            Self::UnknownLanguage(_) => "unknown_language",
            Self::Missing { .. } => "missing",
            Self::NoMessage => "no_message",
            Self::Duplicate(_) => "duplicate",
            Self::IsVariable(_) => "is_variable",
            Self::ReservedName(_) => "reserved_name",
            Self::UnknownNode(_) => "unknown_node",
            Self::Unreachable => "unreachable",
            Self::NoExit => "no_exit",
            Self::EndlessCircle => "endless_circle",
            Self::Template(_) => "template",
            Self::UnknownVariable(_) => "unknown_variable",
            Self::UnknownSubject(_) => "unknown_subject",
            Self::UnknownTool(_) => "unknown_tool",
            Self::UnknownTransfer(_) => "unknown_transfer",
            Self::NotComparable => "comparison",
            Self::NotAnObject => "object",
            Self::NotACountry => "country",
            Self::NeedsRecogniser => "needs_recogniser",
            Self::GrammarTooLarge { .. } => "grammar_too_large",
            Self::ImpossibleCase(_) => "impossible_case",
            Self::UnknownWord(_) => "unknown_word",
            Self::NotAPhrase(_) => "phrase",
            Self::Reserved(_) => "reserved_phrase",
            Self::NotAKey => "key",
            Self::NotAUrl => "url",
            Self::NotAHeader(_) => "header",
            Self::NotASchema => "schema",
            Self::NotATarget => "target",
            Self::UnheardBriefing => "unheard_briefing",
            Self::NoTransfers => "no_transfers",
        }
    }

    /// What to do about it, where the problem does not say so itself.
    #[must_use]
    pub const fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::ForeignVoice(_) => "name a voice of the language, such as `de`, or a speech provider in `providers`",
            Self::Missing { .. } => "add it, or choose another mode",
            Self::NoMessage => "write one, or choose the policy `hang_up`",
            Self::Duplicate(_) | Self::IsVariable(_) | Self::ReservedName(_) => "choose another name",
            Self::UnknownNode(_) => "name one of the flow's nodes, or add this one",
            Self::Unreachable => "lead a path here, or remove the node",
            Self::NoExit => "lead a path from here to a node with `end`",
            Self::EndlessCircle => "put a question into the circle, or lead a path out of it",
            Self::UnknownVariable(_) => "declare it, or mend the name",
            Self::UnknownSubject(_) => {
                "name a question of the flow or what a tool puts its result `into`, or declare a variable"
            }
            Self::UnknownTool(_) => "add it to `tools`, or name one that comes with the server",
            Self::UnknownTransfer(_) => "add it to `transfers`, or mend the name",
            Self::NeedsRecogniser => "name a speech recogniser in `providers`, or ask for something else",
            Self::GrammarTooLarge { .. } => "leave some phrases out, or name a speech recogniser in `providers`",
            Self::ImpossibleCase(_) => "remove the case, or mend its value",
            Self::UnknownWord(_) => "use another word, or name a speech recogniser in `providers`",
            Self::NotAPhrase(_) => "write words in lower case with one space between them, without punctuation",
            Self::Reserved(_) => "use another phrase",
            Self::UnheardBriefing => "remove it, or choose `warm`",
            Self::NoTransfers => "add an entry to `transfers`, or remove the tool",
            Self::Template(_) => "variables stand as `{{ name }}`",
            Self::Length { .. }
            | Self::Range { .. }
            | Self::AtLeast(_)
            | Self::NotAName
            | Self::NotAReference
            | Self::NotAVoice
            | Self::UnknownLanguage(_)
            | Self::NotAKey
            | Self::NotAUrl
            | Self::NotAHeader(_)
            | Self::NotASchema
            | Self::NotComparable
            | Self::NotAnObject
            | Self::NotACountry
            | Self::NotATarget => return None,
        })
    }
}
