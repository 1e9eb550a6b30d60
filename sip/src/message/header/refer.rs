//! Headers of transfers and of the subscriptions that tell how they go (RFC 3515, RFC 6665, RFC 4488, RFC 3891).

use super::{CallId, Tag, TypedHeader};
use crate::dialog::DialogSnapshot;
use crate::error::{ParseError, ParseFault};
use crate::message::{HeaderName, Lexer, Params, Token, Uri, push_decimal};

/// Event: what a subscription is about (RFC 6665 section 8.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPackage {
    /// The package, for example `refer`.
    pub package: Token,
    /// Tells several subscriptions of one dialog apart, as written; of a REFER it is the REFER's CSeq number (RFC 3515
    /// section 2.4.6).
    pub id: Option<Vec<u8>>,
}

impl TypedHeader for EventPackage {
    const NAME: HeaderName = HeaderName::Event;

    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(value);
        let package = Token::new(lexer.token()?).ok_or_else(|| lexer.fault(ParseFault::Token))?;
        let params = Params::read(&mut lexer)?;
        lexer.finish()?;
        Ok(EventPackage { package, id: params.value("id").map(<[u8]>::to_vec) })
    }

    fn print(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.package.as_str().as_bytes());
        let mut params = Params::new();
        if let Some(id) = &self.id {
            params.set("id", Some(id));
        }
        params.print(out);
    }
}

/// Subscription-State: whether more is to come (RFC 6665 section 8.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionState {
    /// `active`, `pending`, `terminated`, or an extension.
    pub state: Token,
    /// Why it is terminated.
    pub reason: Option<Token>,
    /// Seconds the subscription lasts from here.
    pub expires: Option<u32>,
}

impl SubscriptionState {
    /// Whether this was the last word.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.state.is("terminated")
    }
}

impl TypedHeader for SubscriptionState {
    const NAME: HeaderName = HeaderName::SubscriptionState;

    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(value);
        let state = Token::new(lexer.token()?).ok_or_else(|| lexer.fault(ParseFault::Token))?;
        let params = Params::read(&mut lexer)?;
        lexer.finish()?;
        let expires = match params.text("expires") {
            None => None,
            Some(digits) => {
                let seconds = Lexer::new(&digits).number(u64::from(u32::MAX))?;
                Some(u32::try_from(seconds).map_err(|_| ParseError::new(ParseFault::Number, 0))?)
            }
        };
        let reason = params.value("reason").and_then(Token::new);
        Ok(SubscriptionState { state, reason, expires })
    }

    fn print(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.state.as_str().as_bytes());
        if let Some(reason) = &self.reason {
            out.extend_from_slice(b";reason=");
            out.extend_from_slice(reason.as_str().as_bytes());
        }
        if let Some(expires) = self.expires {
            out.extend_from_slice(b";expires=");
            push_decimal(out, u64::from(expires));
        }
    }
}

/// Refer-Sub: whether a REFER makes a subscription (RFC 4488 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferSub(
    /// It does.
    pub bool,
);

impl TypedHeader for ReferSub {
    const NAME: HeaderName = HeaderName::ReferSub;

    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(value);
        let subscribes = match lexer.token()? {
            word if word.eq_ignore_ascii_case(b"true") => true,
            word if word.eq_ignore_ascii_case(b"false") => false,
            _other => return Err(ParseError::new(ParseFault::Token, 0)),
        };
        Params::read(&mut lexer)?;
        lexer.finish()?;
        Ok(ReferSub(subscribes))
    }

    fn print(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.0 { b"true" } else { b"false" });
    }
}

/// Replaces: the dialog an INVITE takes the place of (RFC 3891).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    /// The dialog's Call-ID.
    pub call_id: CallId,
    /// The tag on the receiver's side.
    pub to_tag: Tag,
    /// The tag on the other side.
    pub from_tag: Tag,
    /// Only an early dialog is to be replaced.
    pub early_only: bool,
}

impl Replaces {
    /// The header by which the far side of this dialog knows it: what somebody else sends there to take our place.
    #[must_use]
    pub fn of_dialog(dialog: &DialogSnapshot) -> Self {
        Replaces {
            call_id: CallId::from_bytes(&dialog.call_id),
            to_tag: Tag::from_bytes(&dialog.remote_tag),
            from_tag: Tag::from_bytes(&dialog.local_tag),
            early_only: false,
        }
    }

    /// The target of an attended transfer: the URI with this header in it, to stand in Refer-To (RFC 5589 section 7).
    #[must_use]
    pub fn in_uri(&self, uri: &Uri) -> Uri {
        let mut value = Vec::new();
        self.print(&mut value);
        uri.clone().with_header(Self::NAME.as_str(), &value)
    }

    /// The dialog that a Refer-To wants replaced; `None` where its URI has no such header.
    ///
    /// # Errors
    /// The header is there and cannot be read.
    pub fn of_uri(uri: &Uri) -> Result<Option<Self>, ParseError> {
        uri.header(Self::NAME.as_str()).map(|value| Self::parse(&value)).transpose()
    }
}

impl TypedHeader for Replaces {
    const NAME: HeaderName = HeaderName::Replaces;

    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(value);
        let call_id = CallId::parse(lexer.take_while(|byte| byte != b';').trim_ascii())?;
        let params = Params::read(&mut lexer)?;
        let fault = lexer.fault(ParseFault::Param);
        lexer.finish()?;
        let tag = |name| params.value(name).map(Tag::from_bytes).filter(|tag| !tag.as_bytes().is_empty());
        match (tag("to-tag"), tag("from-tag")) {
            (Some(to_tag), Some(from_tag)) => {
                Ok(Replaces { call_id, to_tag, from_tag, early_only: params.has("early-only") })
            }
            (None, _) | (_, None) => Err(fault),
        }
    }

    fn print(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.call_id.as_bytes());
        out.extend_from_slice(b";to-tag=");
        out.extend_from_slice(self.to_tag.as_bytes());
        out.extend_from_slice(b";from-tag=");
        out.extend_from_slice(self.from_tag.as_bytes());
        if self.early_only {
            out.extend_from_slice(b";early-only");
        }
    }
}
