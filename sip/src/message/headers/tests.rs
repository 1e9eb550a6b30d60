use super::*;
use crate::message::header::{Expires, From, MaxForwards};

fn headers(lines: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in lines {
        headers.push(name_of(name), value);
    }
    headers
}

fn name_of(name: &str) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).expect("a token")
}

fn printed(headers: &Headers) -> String {
    let mut out = Vec::new();
    headers.print(&mut out);
    assert!(out.len() <= headers.printed_len());
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn names_compare_without_case_and_print_as_written() {
    let list = headers(&[("x-ONE", "1"), ("t", "<sip:a@b>"), ("CALL-id", "2"), ("x", "1800")]);
    assert_eq!(list.get(&name_of("X-One")), Some(&b"1"[..]));
    assert_eq!(printed(&list), "x-ONE: 1\r\nTo: <sip:a@b>\r\nCall-ID: 2\r\nSession-Expires: 1800\r\n");
    assert_eq!(name_of("z").as_str(), "z");
    assert!(name_of("x-a") < name_of("X-B"));
    assert!(HeaderName::from_bytes(b"").is_none() && HeaderName::from_bytes(b"a b").is_none());
}

#[test]
fn order_is_kept_through_changes() {
    let mut list = headers(&[("Via", "a"), ("Route", "r"), ("Via", "b"), ("Subject", "s"), ("Via", "c")]);
    list.insert_first(HeaderName::Via, "first");
    list.insert_first(HeaderName::Expires, "1");
    assert_eq!(list.all(&HeaderName::Via).collect::<Vec<_>>(), [&b"first"[..], b"a", b"b", b"c"]);
    list.set(HeaderName::Via, "only");
    list.set(HeaderName::Priority, "urgent");
    assert_eq!(printed(&list), "Via: only\r\nRoute: r\r\nSubject: s\r\nExpires: 1\r\nPriority: urgent\r\n");
    assert!(list.remove(&HeaderName::Subject) && !list.remove(&HeaderName::Subject));
    assert_eq!(list.len(), 4);
    let mut both = headers(&[("Date", "d")]);
    both.extend(&list);
    assert_eq!(both.iter().next().map(|(name, _)| name.clone()), Some(HeaderName::Date));
    assert!(both.has(&HeaderName::Route) && !both.is_empty());
}

#[test]
fn repeated_single_headers_must_agree() {
    let same = headers(&[("Expires", "60"), ("Expires", "60")]);
    assert_eq!(same.typed(), Ok(Expires(60)));
    let differing = headers(&[("Expires", "60"), ("Expires", "61")]);
    let error = differing.typed::<Expires>().expect_err("which one");
    assert_eq!((error.what, error.header), (ParseFault::Repeated, Some(HeaderName::Expires)));
}

#[test]
fn absent_and_bad_are_different() {
    let list = headers(&[("Max-Forwards", "many")]);
    assert_eq!(list.try_typed::<Expires>(), Ok(None));
    assert_eq!(list.typed::<From>().expect_err("absent").what, ParseFault::Missing);
    assert_eq!(list.try_typed::<MaxForwards>().expect_err("bad").what, ParseFault::Number);
}

#[test]
fn pushed_content_length_is_not_printed() {
    let list = headers(&[("Content-Length", "99"), ("Subject", " a\nb ")]);
    assert_eq!(printed(&list), "Subject: a b\r\n");
}
