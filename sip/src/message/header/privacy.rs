//! What a caller wants kept back (RFC 3323), and by which way a call came (RFC 7044).

use super::{HistoryInfo, Reason, Shape, TypedHeader};
use crate::error::{ParseError, ParseFault};
use crate::message::{HeaderName, Headers, Lexer, Token, split_list};

/// Privacy: what is to be kept back (RFC 3323 section 4.2, RFC 3325 section 9.3, RFC 7044 section 10.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Privacy(
    /// `id`, `user`, `header`, `session`, `history`, `none`, `critical`, or an extension.
    pub Vec<Token>,
);

impl Privacy {
    /// Asks the network to keep the identity it vouches for to itself.
    #[must_use]
    pub fn id() -> Self {
        Privacy(Token::new("id").into_iter().collect())
    }

    /// What a message asks for. A header that cannot be read asks for everything: it is there because somebody wants
    /// something kept back.
    #[must_use]
    pub fn of(headers: &Headers) -> Self {
        match headers.try_typed() {
            Ok(privacy) => privacy.unwrap_or_default(),
            Err(_) => Privacy(["id", "history"].into_iter().filter_map(Token::new).collect()),
        }
    }

    /// Whether the caller's identity is not to be shown.
    #[must_use]
    pub fn hides_identity(&self) -> bool {
        self.asks_for(&["id", "user", "header"])
    }

    /// Whether the way of the call is not to be shown.
    #[must_use]
    pub fn hides_history(&self) -> bool {
        self.asks_for(&["history", "header", "session"])
    }

    fn asks_for(&self, names: &[&str]) -> bool {
        // "none" asks that nothing be kept back, whatever else was subscribed to (RFC 3323 section 4.2).
        !self.0.iter().any(|value| value.is("none"))
            && self.0.iter().any(|value| names.iter().any(|name| value.is(name)))
    }
}

impl TypedHeader for Privacy {
    const NAME: HeaderName = HeaderName::Privacy;
    const SHAPE: Shape = Shape::Joined;

    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        // The values stand between semicolons. Some senders write commas.
        let mut values = Vec::new();
        for (at, element) in split_list(value) {
            let mut lexer = Lexer::new(element);
            loop {
                let token = Token::new(lexer.token().map_err(|error| error.shifted(at))?);
                values.push(token.ok_or_else(|| ParseError::new(ParseFault::Token, at))?);
                if !lexer.eat_spaced(b';') {
                    break;
                }
            }
            lexer.finish().map_err(|error| error.shifted(at))?;
        }
        if values.is_empty() { Err(ParseError::new(ParseFault::Token, 0)) } else { Ok(Privacy(values)) }
    }

    fn print(&self, out: &mut Vec<u8>) {
        for (at, value) in self.0.iter().enumerate() {
            if at > 0 {
                out.push(b';');
            }
            out.extend_from_slice(value.as_str().as_bytes());
        }
    }
}

impl HistoryInfo {
    /// Its place in the tree of targets, for example 1.2.1; empty where it cannot be read.
    #[must_use]
    pub fn index(&self) -> Vec<u32> {
        self.params.value("index").map(read_index).unwrap_or_default()
    }

    /// The entry that was mapped to this one by somebody else than its user (`mp`): the call was diverted.
    #[must_use]
    pub fn mapped_from(&self) -> Option<Vec<u32>> {
        self.params.value("mp").map(read_index)
    }

    /// The entry of the same user that led to this one (`rc`), or that it stayed the same as (`np`).
    #[must_use]
    pub fn recursed_from(&self) -> Option<Vec<u32>> {
        self.params.value("rc").or_else(|| self.params.value("np")).map(read_index)
    }

    /// Why this target was left: the Reason inside its URI, that of SIP before others.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        let text = self.uri.header("Reason")?;
        let mut reasons: Vec<Reason> =
            split_list(&text).filter_map(|(_, element)| Reason::parse(element).ok()).collect();
        reasons.sort_by_key(|reason| !reason.protocol.is("SIP"));
        reasons.into_iter().next()
    }

    /// Whether this entry is not to be shown: the Privacy inside its URI.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.uri
            .header("Privacy")
            .is_some_and(|text| Privacy::parse(&text).map_or(true, |privacy| privacy.hides_history()))
    }
}

/// `1.2.1`, at most 16 numbers deep.
fn read_index(text: &[u8]) -> Vec<u32> {
    let numbers = text.split(|byte| *byte == b'.').take(16);
    numbers.map_while(|number| std::str::from_utf8(number).ok()?.parse().ok()).collect()
}
