//! Headers with which somebody vouches for a caller by signature: Identity (RFC 8224), and the Date it is held against.

use super::{Shape, TypedHeader};
use crate::error::{ParseError, ParseFault};
use crate::message::{HeaderName, Lexer, Params, Token, is_value_byte, push_decimal, unquote};

/// Identity: a signed token and where the signer's certificate is found (RFC 8224 section 4). What the token says is not
/// looked at here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The token: `header.payload.signature`, or `..signature` in the compact form, whose header and payload follow
    /// from the message. Letters, digits, `-`, `_`, `+`, `/`, `=` and exactly two dots; the signature is not empty.
    pub token: String,
    /// `info`: the address of the certificate, without angle brackets. Printable ASCII without white space, quotes and
    /// angle brackets.
    pub info: String,
    /// `alg`: how it is signed. Without it ES256 is meant.
    pub alg: Option<Token>,
    /// `ppt`: the extension of the token, such as `shaken`.
    pub ppt: Option<Token>,
    /// Any others.
    pub params: Params,
}

impl Identity {
    /// Longest token accepted, in bytes. Tokens of the SHAKEN extension have about 400.
    pub const MAX_TOKEN: usize = 4 * 1024;
    /// Longest address of a certificate accepted, in bytes.
    pub const MAX_INFO: usize = 1024;

    /// Whether the token is in the compact form: its header and payload are left out (RFC 8225 section 7).
    #[must_use]
    pub fn is_compact(&self) -> bool {
        self.token.starts_with("..")
    }
}

impl TypedHeader for Identity {
    const NAME: HeaderName = HeaderName::Identity;
    // An address may hold commas, so a line is one value.
    const SHAPE: Shape = Shape::Lines;

    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(value);
        let token = read_token(&mut lexer)?;
        let (mut info, mut alg, mut ppt, mut params) = (None, None, None, Params::new());
        while lexer.eat_spaced(b';') {
            let at = lexer.at();
            let name = lexer.token().map_err(|error| ParseError { what: ParseFault::Param, ..error })?;
            let repeated = ParseError::new(ParseFault::Repeated, at);
            if !lexer.eat_spaced(b'=') {
                params.push(name, None);
            } else if name.eq_ignore_ascii_case(b"info") {
                if info.replace(read_info(&mut lexer)?).is_some() {
                    return Err(repeated);
                }
            } else if name.eq_ignore_ascii_case(b"alg") {
                if alg.replace(read_word(&mut lexer)?).is_some() {
                    return Err(repeated);
                }
            } else if name.eq_ignore_ascii_case(b"ppt") {
                if ppt.replace(read_word(&mut lexer)?).is_some() {
                    return Err(repeated);
                }
            } else {
                params.push(name, Some(read_value(&mut lexer)?));
            }
        }
        let missing = lexer.fault(ParseFault::Missing);
        lexer.finish()?;
        Ok(Identity { token, info: info.ok_or(missing)?, alg, ppt, params })
    }

    fn print(&self, out: &mut Vec<u8>) {
        out.extend(self.token.bytes().filter(|&byte| is_digest_byte(byte)));
        out.extend_from_slice(b";info=<");
        out.extend(self.info.bytes().filter(|&byte| is_address_byte(byte)));
        out.push(b'>');
        for (name, word) in [(&b";alg="[..], &self.alg), (b";ppt=", &self.ppt)] {
            if let Some(word) = word {
                out.extend_from_slice(name);
                out.extend_from_slice(word.as_str().as_bytes());
            }
        }
        self.params.print(out);
    }
}

fn read_token(lexer: &mut Lexer<'_>) -> Result<String, ParseError> {
    let bytes = lexer.take_while(is_digest_byte);
    if bytes.len() > Identity::MAX_TOKEN {
        return Err(ParseError::new(ParseFault::HeaderTooLong, Identity::MAX_TOKEN));
    }
    let parts: Vec<&[u8]> = bytes.split(|&byte| byte == b'.').take(4).collect();
    let whole = match parts[..] {
        [header, payload, signature] => header.is_empty() == payload.is_empty() && !signature.is_empty(),
        _ => false,
    };
    if whole { Ok(ascii(bytes)) } else { Err(ParseError::new(ParseFault::Token, 0)) }
}

fn read_info(lexer: &mut Lexer<'_>) -> Result<String, ParseError> {
    if !lexer.eat(b'<') {
        return Err(lexer.fault(ParseFault::Address));
    }
    let at = lexer.at();
    let address = lexer.take_while(is_address_byte);
    if address.len() > Identity::MAX_INFO {
        return Err(ParseError::new(ParseFault::HeaderTooLong, at));
    }
    if address.is_empty() || !lexer.eat(b'>') {
        return Err(lexer.fault(ParseFault::Address));
    }
    Ok(ascii(address))
}

/// A token, which many senders put in quotes as RFC 8588 does in its example of `ppt`.
fn read_word(lexer: &mut Lexer<'_>) -> Result<Token, ParseError> {
    let fault = lexer.fault(ParseFault::Token);
    let word = if lexer.peek() == Some(b'"') { unquote(lexer.quoted()?) } else { lexer.token()?.into() };
    Token::new(word.as_ref()).ok_or(fault)
}

fn read_value<'a>(lexer: &mut Lexer<'a>) -> Result<&'a [u8], ParseError> {
    if lexer.peek() == Some(b'"') {
        return lexer.quoted();
    }
    let value = lexer.take_while(is_value_byte);
    if value.is_empty() { Err(lexer.fault(ParseFault::Param)) } else { Ok(value) }
}

fn is_digest_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+' | b'/' | b'=')
}

fn is_address_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"')
}

/// Bytes that were found to be ASCII.
fn ascii(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Date: when the message was made (RFC 3261 section 20.17), in seconds since 1970 UTC, up to the year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(u64);

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Begins with the weekday of 1 January 1970.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const DAY: u64 = 86_400;
/// The last second of the year 9999.
const LAST: u64 = 253_402_300_799;

impl Date {
    /// The moment so many seconds after 1970 began in UTC; the last second of 9999 for later ones.
    #[must_use]
    pub fn from_unix(seconds: u64) -> Self {
        Date(seconds.min(LAST))
    }

    /// Seconds since 1970 began in UTC.
    #[must_use]
    pub const fn unix(self) -> u64 {
        self.0
    }
}

impl TypedHeader for Date {
    const NAME: HeaderName = HeaderName::Date;

    /// Reads `Sat, 13 Nov 2010 23:29:00 GMT`. The weekday has to be one, but not that of the day.
    fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(value);
        lexer.skip_space();
        choice(&mut lexer, &WEEKDAYS)?;
        if !lexer.eat_spaced(b',') {
            return Err(lexer.fault(ParseFault::Token));
        }
        let start = lexer.at();
        let day = lexer.number(31)?;
        lexer.skip_space();
        let month = choice(&mut lexer, &MONTHS)?;
        lexer.skip_space();
        let year = lexer.number(9999)?;
        lexer.skip_space();
        let clock = [lexer.number(23)?, colon_then(&mut lexer, 59)?, colon_then(&mut lexer, 60)?];
        lexer.skip_space();
        // RFC 3261 section 25.1: the zone is always GMT.
        choice(&mut lexer, &["GMT", "UTC"])?;
        lexer.finish()?;
        if year < 1970 || day == 0 || day > days_in(month, year) {
            return Err(ParseError::new(ParseFault::Number, start));
        }
        let days = days_before_year(year) + (0..month).map(|month| days_in(month, year)).sum::<u64>() + day - 1;
        let [hours, minutes, seconds] = clock;
        // A leap second is the second before it.
        Ok(Date::from_unix(days * DAY + hours * 3600 + minutes * 60 + seconds.min(59)))
    }

    fn print(&self, out: &mut Vec<u8>) {
        let (mut days, second) = (self.0 / DAY, self.0 % DAY);
        out.extend_from_slice(WEEKDAYS[(days % 7) as usize].as_bytes());
        out.extend_from_slice(b", ");
        // Never too late a year, for none is longer than 366 days, and too early by one in 480 at most.
        let mut year = 1970 + days / 366;
        while days_before_year(year + 1) <= days {
            year += 1;
        }
        days -= days_before_year(year);
        let mut month = 0;
        while days >= days_in(month, year) {
            days -= days_in(month, year);
            month += 1;
        }
        push_two(out, days + 1);
        out.push(b' ');
        out.extend_from_slice(MONTHS[month as usize].as_bytes());
        out.push(b' ');
        push_decimal(out, year);
        for (before, number) in [(b' ', second / 3600), (b':', second / 60 % 60), (b':', second % 60)] {
            out.push(before);
            push_two(out, number);
        }
        out.extend_from_slice(b" GMT");
    }
}

/// Which of the words stands here, whatever its case.
fn choice(lexer: &mut Lexer<'_>, words: &[&str]) -> Result<u64, ParseError> {
    let fault = lexer.fault(ParseFault::Token);
    let word = lexer.take_while(|byte| byte.is_ascii_alphabetic());
    let found = words.iter().position(|known| word.eq_ignore_ascii_case(known.as_bytes()));
    found.map(|index| index as u64).ok_or(fault)
}

fn colon_then(lexer: &mut Lexer<'_>, max: u64) -> Result<u64, ParseError> {
    if lexer.eat(b':') { lexer.number(max) } else { Err(lexer.fault(ParseFault::Number)) }
}

/// Days of a month, January being 0.
fn days_in(month: u64, year: u64) -> u64 {
    match month {
        1 if is_leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days from 1 January 1970 to 1 January of a year not before it.
fn days_before_year(year: u64) -> u64 {
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969)
}

fn push_two(out: &mut Vec<u8>, number: u64) {
    if number < 10 {
        out.push(b'0');
    }
    push_decimal(out, number);
}

#[cfg(test)]
mod tests;
