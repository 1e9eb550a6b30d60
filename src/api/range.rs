//! Which bytes of a file a request wants (RFC 9110 sections 13 and 14).

use std::ops::Range;

use axum::http::{HeaderMap, HeaderName, header};

/// What is to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it: 200.
    All,
    /// A part: 206.
    Part(Range<u64>),
    /// A part that is not there: 416.
    Beyond,
    /// The reader has it: 304.
    Unchanged,
}

/// What a request wants of a file of this length and tag. Several ranges at once, other units and what is malformed are
/// passed over, as section 14.2 allows: the answer is the whole.
pub(super) fn wanted(headers: &HeaderMap, length: u64, tag: &str) -> Wanted {
    if let Some(tags) = text(headers, &header::IF_NONE_MATCH)
        && (tags.trim() == "*" || tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag))
    {
        return Wanted::Unchanged;
    }
    // Only a strong tag proves that both parts are of one file (section 13.1.5); we tell no date.
    if text(headers, &header::IF_RANGE).is_some_and(|known| known.trim() != tag) {
        return Wanted::All;
    }
    match text(headers, &header::RANGE).and_then(range) {
        None => Wanted::All,
        Some((Some(first), _)) if first >= length => Wanted::Beyond,
        Some((Some(first), last)) => {
            Wanted::Part(first..last.map_or(length, |last| last.saturating_add(1).min(length)))
        }
        Some((None, Some(0) | None)) => Wanted::Beyond,
        Some((None, Some(_))) if length == 0 => Wanted::Beyond,
        Some((None, Some(suffix))) => Wanted::Part(length.saturating_sub(suffix)..length),
    }
}

/// First and last byte of the only range; a suffix has no first one.
fn range(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, set) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    let number = |text: &str| -> Option<Option<u64>> {
        match text.is_empty() {
            true => Some(None),
            // A number that is longer than any file lies beyond it.
            false if text.bytes().all(|byte| byte.is_ascii_digit()) => Some(Some(text.parse().unwrap_or(u64::MAX))),
            false => None,
        }
    };
    let (first, last) = (number(first)?, number(last)?);
    match (first, last) {
        (None, None) => None,
        (Some(first), Some(last)) if last < first => None,
        found => Some(found),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const TAG: &str = "\"a1\"";

    fn asked(headers: &[(HeaderName, &'static str)], length: u64) -> Wanted {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        wanted(&headers, length, TAG)
    }

    #[test]
    fn one_range_is_served() {
        let of = |range, length| asked(&[(header::RANGE, range)], length);
        for (range, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=2-5", 2..6),
            ("Bytes=7-", 7..10),
            ("bytes=9-99999999999999999999", 9..10),
            ("bytes=-3", 7..10),
            ("bytes=-99", 0..10),
        ] {
            assert_eq!(of(range, 10), Wanted::Part(part), "{range}");
        }
        for beyond in ["bytes=10-", "bytes=10-11", "bytes=-0", "bytes=99999999999999999999-"] {
            assert_eq!(of(beyond, 10), Wanted::Beyond, "{beyond}");
        }
        for passed_over in ["bytes=5-2", "bytes=-", "bytes=a-b", "bytes=0-1,4-5", "items=0-1", "bytes", "bytes=+1-2"] {
            assert_eq!(of(passed_over, 10), Wanted::All, "{passed_over}");
        }
        assert_eq!((of("bytes=0-", 0), of("bytes=-1", 0)), (Wanted::Beyond, Wanted::Beyond));
    }

    #[test]
    fn tags_decide_what_is_sent() {
        let range = (header::RANGE, "bytes=1-2");
        assert_eq!(asked(&[range.clone(), (header::IF_RANGE, TAG)], 10), Wanted::Part(1..3));
        for other in ["\"b2\"", "W/\"a1\"", "Sun, 22 Nov 2026 10:00:00 GMT"] {
            assert_eq!(asked(&[range.clone(), (header::IF_RANGE, other)], 10), Wanted::All, "{other}");
        }
        for known in [TAG, "*", "\"b2\", W/\"a1\""] {
            assert_eq!(asked(&[(header::IF_NONE_MATCH, known)], 10), Wanted::Unchanged, "{known}");
        }
        assert_eq!(asked(&[(header::IF_NONE_MATCH, "\"b2\"")], 10), Wanted::All);
    }
}
