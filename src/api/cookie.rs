//! The cookie of a session.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::access::Token;
use crate::store::user_session::LONGEST;

/// Its name.
pub(super) const NAME: &str = "callwright_session";
/// The header with the token against forged requests.
pub(super) const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");

/// The token that a browser sent. When it sends two, somebody else has set one of them: neither counts.
pub(super) fn sent(headers: &HeaderMap) -> Option<Token> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut tokens = pairs.filter(|(name, _)| *name == NAME).map(|(_, value)| value);
    match (tokens.next(), tokens.next()) {
        (Some(token), None) => Token::sent(token),
        (_, _) => None,
    }
}

/// What the browser is told to keep: out of reach of scripts, sent to this host alone and by its own pages alone, over TLS
/// where it came over TLS; until the browser is closed unless it is remembered.
pub(super) fn set(token: &Token, remembered: bool, secure: bool) -> HeaderValue {
    let age = if remembered { format!("; Max-Age={}", LONGEST.as_secs()) } else { String::new() };
    line(&format!("{NAME}={}{}{age}", token.expose(), ways(secure)))
}

/// What the browser is told when nobody is signed in any more.
pub(super) fn clear(secure: bool) -> HeaderValue {
    line(&format!("{NAME}={}; Max-Age=0", ways(secure)))
}

fn ways(secure: bool) -> &'static str {
    if secure { "; Path=/; HttpOnly; SameSite=Strict; Secure" } else { "; Path=/; HttpOnly; SameSite=Strict" }
}

fn line(text: &str) -> HeaderValue {
    let mut line = HeaderValue::from_str(text).expect("a token is visible ASCII");
    line.set_sensitive(true);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_static(line));
        }
        sent(&headers).map(|token| token.expose().to_owned())
    }

    #[test]
    fn one_cookie_counts_and_two_do_not() {
        assert_eq!(read(&["theme=dark; callwright_session=abc"]).as_deref(), Some("abc"));
        assert_eq!(read(&["theme=dark", "callwright_session=abc"]).as_deref(), Some("abc"));
        assert_eq!(read(&["callwright_session=abc; callwright_session=def"]), None);
        assert_eq!(read(&["callwright_session=abc", "callwright_session=abc"]), None);
        assert_eq!(read(&["xcallwright_session=abc"]), None);
        assert_eq!(read(&["callwright_session="]), None);
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn the_cookie_is_kept_from_scripts_and_from_other_sites() {
        let token = Token::fresh();
        let told = |value: HeaderValue| value.to_str().expect("text").to_owned();
        let plain = told(set(&token, false, false));
        assert_eq!(plain, format!("callwright_session={}; Path=/; HttpOnly; SameSite=Strict", token.expose()));
        assert!(told(set(&token, true, true)).ends_with("; SameSite=Strict; Secure; Max-Age=2592000"));
        assert!(told(clear(false)).starts_with("callwright_session=; ") && told(clear(false)).ends_with("; Max-Age=0"));
        assert!(!format!("{:?}", set(&token, false, false)).contains(token.expose()));
    }
}
