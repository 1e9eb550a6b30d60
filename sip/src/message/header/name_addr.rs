//! Headers that hold an address: From, To, Contact, Route and their like (RFC 3261 section 20.10).

use std::borrow::Cow;

use super::{Shape, Tag, TypedHeader};
use crate::error::{ParseError, ParseFault};
use crate::message::{HeaderName, Lexer, Params, Scheme, Uri, push_quoted, unquote};

/// A display name, a URI and header parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// The display name without quotes and escapes. Any bytes; line ends are printed as spaces.
    pub display: Option<Vec<u8>>,
    /// The address.
    pub uri: Uri,
    /// The header's parameters, not the URI's.
    pub params: Params,
}

impl NameAddr {
    /// An address without display name and parameters.
    pub const fn new(uri: Uri) -> Self {
        NameAddr { display: None, uri, params: Params::new() }
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<Tag> {
        self.params.value("tag").map(Tag::from_bytes).filter(|tag| !tag.as_bytes().is_empty())
    }

    /// Sets the `tag` parameter.
    pub fn set_tag(&mut self, tag: &Tag) {
        self.params.set("tag", Some(tag.as_bytes()));
    }

    /// The same address with a tag.
    pub fn with_tag(mut self, tag: &Tag) -> Self {
        self.set_tag(tag);
        self
    }

    /// Reads `"display" <uri>;params`, or `uri;params` where parameters belong to the header.
    ///
    /// # Errors
    /// What is wrong with which part.
    pub fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(value);
        let display = read_display(&mut lexer)?;
        let uri = if lexer.eat(b'<') {
            let at = lexer.at();
            let uri = lexer.take_while(|byte| byte != b'>');
            if !lexer.eat(b'>') {
                return Err(lexer.fault(ParseFault::Address));
            }
            Uri::parse(uri).map_err(|error| error.shifted(at))?
        } else {
            let at = lexer.at();
            let uri = lexer.take_while(|byte| !matches!(byte, b';' | b' ' | b'\t'));
            let uri = Uri::parse(uri).map_err(|error| error.shifted(at))?;
            // RFC 3261 section 20.10: a URI with comma, semicolon or question mark "MUST be enclosed in angle brackets".
            if uri.headers.is_some() {
                return Err(ParseError::new(ParseFault::Address, at));
            }
            uri
        };
        let params = Params::read(&mut lexer)?;
        lexer.finish()?;
        Ok(NameAddr { display, uri, params })
    }

    /// Writes the address, always in angle brackets.
    pub fn print(&self, out: &mut Vec<u8>) {
        if let Some(display) = &self.display {
            push_quoted(out, display);
            out.push(b' ');
        }
        out.push(b'<');
        self.uri.print(out);
        out.push(b'>');
        self.params.print(out);
    }

    /// The display name as text, broken UTF-8 replaced.
    pub fn display_text(&self) -> Option<Cow<'_, str>> {
        self.display.as_deref().map(String::from_utf8_lossy)
    }

    /// Whether the address is a telephone number by its scheme or its `user=phone`.
    pub fn is_phone(&self) -> bool {
        let by_param = self.uri.params.value("user").is_some_and(|value| value.eq_ignore_ascii_case(b"phone"));
        by_param || self.uri.scheme == Scheme::Tel
    }
}

/// Reads what stands before `<`; leaves the lexer at `<` or at the start of a bare URI.
fn read_display(lexer: &mut Lexer<'_>) -> Result<Option<Vec<u8>>, ParseError> {
    lexer.skip_space();
    if lexer.peek() == Some(b'"') {
        let display = unquote(lexer.quoted()?).into_owned();
        lexer.skip_space();
        return if lexer.peek() == Some(b'<') { Ok(Some(display)) } else { Err(lexer.fault(ParseFault::Address)) };
    }
    let rest = lexer.rest();
    let Some(bracket) = memchr::memchr(b'<', rest) else { return Ok(None) };
    let words = rest[..bracket].trim_ascii_end();
    // Without quotes only tokens may stand here. UTF-8 is let pass, as many senders forget the quotes.
    if let Some(bad) = words.iter().position(|&byte| !is_word_byte(byte)) {
        let before = Lexer::new(words).at() + bad;
        return Err(ParseError::new(ParseFault::Address, lexer.at() + before));
    }
    lexer.take_while(|byte| byte != b'<');
    Ok((!words.is_empty()).then(|| words.to_vec()))
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b" \t-.!%*_+`'~".contains(&byte)
}

macro_rules! addresses {
    ($($(#[$doc:meta])* $name:ident $shape:ident)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $name(pub NameAddr);

            impl TypedHeader for $name {
                const NAME: HeaderName = HeaderName::$name;
                const SHAPE: Shape = Shape::$shape;

                fn parse(value: &[u8]) -> Result<Self, ParseError> {
                    NameAddr::parse(value).map($name)
                }

                fn print(&self, out: &mut Vec<u8>) {
                    self.0.print(out);
                }
            }

            impl std::ops::Deref for $name {
                type Target = NameAddr;

                fn deref(&self) -> &NameAddr {
                    &self.0
                }
            }
        )*
    };
}

addresses! {
    /// From: who sends the request (RFC 3261 section 20.20).
    From Single
    /// To: whom the request is for (RFC 3261 section 20.39).
    To Single
    /// Contact: where to reach the sender directly (RFC 3261 section 20.10). The `*` of REGISTER is not an address and is
    /// refused here; the raw value tells it.
    Contact List
    /// Route: proxies still to visit (RFC 3261 section 20.34).
    Route List
    /// Record-Route: proxies that stay on the path (RFC 3261 section 20.30).
    RecordRoute List
    /// Path of a registration (RFC 3327).
    Path List
    /// Service-Route of a registration (RFC 3608).
    ServiceRoute List
    /// P-Asserted-Identity: whom the network vouches for (RFC 3325).
    PAssertedIdentity List
    /// P-Preferred-Identity: whom the sender asks the network to vouch for (RFC 3325).
    PPreferredIdentity List
    /// Diversion: from where the call was diverted (RFC 5806).
    Diversion List
    /// History-Info: by which way the call came (RFC 7044).
    HistoryInfo List
    /// Refer-To: where a transfer goes (RFC 3515).
    ReferTo Single
    /// Referred-By: who asked for the transfer (RFC 3892).
    ReferredBy Single
}
