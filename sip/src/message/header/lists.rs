//! Headers that list tokens: option tags and methods.

use super::{Shape, TypedHeader};
use crate::error::{ParseError, ParseFault};
use crate::message::{HeaderName, Method, Token, split_list};

macro_rules! option_tags {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Default)]
            pub struct $name(pub Vec<Token>);

            impl $name {
                /// Whether the list names this option, letter case aside.
                pub fn contains(&self, option: &str) -> bool {
                    self.0.iter().any(|token| token.is(option))
                }
            }

            impl TypedHeader for $name {
                const NAME: HeaderName = HeaderName::$name;
                const SHAPE: Shape = Shape::Joined;

                fn parse(value: &[u8]) -> Result<Self, ParseError> {
                    read_list(value, |element| Token::new(element)).map($name)
                }

                fn print(&self, out: &mut Vec<u8>) {
                    print_list(out, self.0.iter().map(Token::as_str));
                }
            }
        )*
    };
}

option_tags! {
    /// Supported: extensions the sender knows (RFC 3261 section 20.37).
    Supported
    /// Require: extensions the receiver must know (RFC 3261 section 20.32).
    Require
    /// Proxy-Require: extensions proxies must know (RFC 3261 section 20.29).
    ProxyRequire
    /// Unsupported: required extensions the sender of the response does not know (RFC 3261 section 20.40).
    Unsupported
}

/// Allow: methods the sender takes (RFC 3261 section 20.5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allow(pub Vec<Method>);

impl TypedHeader for Allow {
    const NAME: HeaderName = HeaderName::Allow;
    const SHAPE: Shape = Shape::Joined;

    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        read_list(value, Method::from_bytes).map(Allow)
    }

    fn print(&self, out: &mut Vec<u8>) {
        print_list(out, self.0.iter().map(Method::as_str));
    }
}

/// Reads the elements of a list. Empty ones are passed over: these headers may be empty, and joining an empty line
/// with another makes empty elements.
fn read_list<T>(value: &[u8], read: impl Fn(&[u8]) -> Option<T>) -> Result<Vec<T>, ParseError> {
    split_list(value)
        .filter(|(_, element)| !element.is_empty())
        .map(|(at, element)| read(element).ok_or_else(|| ParseError::new(ParseFault::Token, at)))
        .collect()
}

fn print_list<'a>(out: &mut Vec<u8>, elements: impl Iterator<Item = &'a str>) {
    for (index, element) in elements.enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(element.as_bytes());
    }
}
