use super::*;
use crate::message::Method;

fn uri(text: &str) -> Uri {
    Uri::parse(text.as_bytes()).expect("a URI of this test")
}

fn station(from: &str, reason: DiversionReason, withheld: bool) -> Diverted {
    Diverted { from: NameAddr::new(uri(from)), reason, withheld }
}

fn all<'a>(headers: &'a Headers, name: &'a HeaderName) -> Vec<&'a str> {
    headers.all(name).map(|value| std::str::from_utf8(value).expect("text")).collect()
}

/// RFC 7544: each station and then the target, each with the cause that led to it; Diversion with the latest on top.
#[test]
fn stations_are_told_in_both_headers() {
    let stations = [
        station("sip:first@example.com", DiversionReason::UserBusy, false),
        station("sip:second@example.com", DiversionReason::NoAnswer, false),
    ];
    let mut headers = Headers::new();
    headers.push(HeaderName::HistoryInfo, "<sip:stale@example.com>;index=1");
    tell_stations(&mut headers, &stations, &uri("sip:third@example.com;user=phone"));
    let history = [
        "<sip:first@example.com>;index=1",
        "<sip:second@example.com;cause=486>;index=1.1;mp=1",
        "<sip:third@example.com;user=phone;cause=408>;index=1.1.1;mp=1.1",
    ];
    assert_eq!(all(&headers, &HeaderName::HistoryInfo), history);
    let diversions = ["<sip:second@example.com>;reason=no-answer", "<sip:first@example.com>;reason=user-busy"];
    assert_eq!(all(&headers, &HeaderName::Diversion), diversions);
    assert_eq!(Diverted::all(&headers), stations, "whoever reads History-Info learns the same");
    headers.remove(&HeaderName::HistoryInfo);
    assert_eq!(Diverted::all(&headers), stations, "and whoever reads Diversion");
    tell_stations(&mut headers, &[], &uri("sip:third@example.com"));
    assert!(!headers.has(&HeaderName::HistoryInfo) && !headers.has(&HeaderName::Diversion));
}

/// Section 10.1.2: who wants not to be shown is told without a name, and so is an address that nobody needs to know.
#[test]
fn who_is_withheld_has_no_name_in_either_header() {
    let long = format!("sip:{}@example.com", "x".repeat(300));
    let mut hidden = station("sip:boss@example.com", DiversionReason::Away, true);
    hidden.from.display = Some(b"The Boss".to_vec());
    let stations = [hidden, station(&long, DiversionReason::Unconditional, false)];
    let mut headers = Headers::new();
    tell_stations(&mut headers, &stations, &uri("sip:next@example.com"));
    let history = [
        "<sip:anonymous@anonymous.invalid?Privacy=history>;index=1",
        "<sip:anonymous@anonymous.invalid;cause=404?Privacy=history>;index=1.1;mp=1",
        "<sip:next@example.com;cause=302>;index=1.1.1;mp=1.1",
    ];
    assert_eq!(all(&headers, &HeaderName::HistoryInfo), history);
    let diversions = all(&headers, &HeaderName::Diversion);
    assert_eq!(diversions[1], "<sip:anonymous@anonymous.invalid>;reason=away;privacy=full");
    let printed = format!("{history:?}{diversions:?}");
    assert!(!printed.contains("boss") && !printed.contains("Boss") && !printed.contains("xxx"), "{printed}");
    assert!(Diverted::all(&headers).iter().all(|station| station.withheld));
}

#[test]
fn telephone_numbers_and_what_is_odd_are_told_as_addresses() {
    let stations = [
        station("tel:+4930123456", DiversionReason::Deflection, false),
        station("tel:+4930123457;cause=302", DiversionReason::Unavailable, false),
        station("sip:x@example.com;cause=999?Reason=SIP%3Bcause%3D302", DiversionReason::Unknown, false),
    ];
    let mut headers = Headers::new();
    tell_stations(&mut headers, &stations, &uri("sip:next@carrier.example:5070"));
    let history = [
        "<tel:+4930123456>;index=1",
        "<sip:+4930123457@carrier.example:5070;user=phone;cause=480>;index=1.1;mp=1",
        "<sip:x@example.com;cause=503>;index=1.1.1;mp=1.1",
        "<sip:next@carrier.example:5070;cause=404>;index=1.1.1.1;mp=1.1.1",
    ];
    assert_eq!(all(&headers, &HeaderName::HistoryInfo), history);
    assert_eq!(all(&headers, &HeaderName::Diversion).len(), 3);
}

#[test]
fn of_many_stations_the_first_and_the_last_are_told() {
    let name = |n: usize| format!("sip:{n}@example.com");
    let stations: Vec<Diverted> = (0..32).map(|n| station(&name(n), DiversionReason::Unconditional, false)).collect();
    let mut headers = Headers::new();
    tell_stations(&mut headers, &stations, &uri("sip:next@example.com"));
    let told: Vec<String> = Diverted::all(&headers).iter().map(|station| station.from.uri.to_string()).collect();
    assert_eq!(told, [0, 27, 28, 29, 30, 31].map(name));
    assert_eq!(all(&headers, &HeaderName::Diversion).len(), 6);
}

/// Every reason is told by a cause that RFC 4458 knows, and those that have one of their own are read back.
#[test]
fn reasons_have_causes() {
    for (reason, _) in DiversionReason::WORDS {
        let cause = reason.cause();
        assert!([302, 404, 408, 480, 486, 503].contains(&cause), "{reason:?}");
        let read = DiversionReason::of_cause(cause);
        assert!(read == reason || read == DiversionReason::Unknown && cause == 404, "{reason:?}");
    }
}

/// A history that the shell gave goes on where it ended.
#[test]
fn a_history_goes_on_at_its_level() {
    let mut request = Request::new(Method::Invite, uri("sip:third@example.com"));
    let stations = [station("sip:first@example.com", DiversionReason::UserBusy, false)];
    tell_stations(&mut request.headers, &stations, &request.uri.clone());
    let status = StatusCode::MOVED_TEMPORARILY;
    let mut response = Response::answering(&Headers::new(), status);
    let left = leave(&mut request, Some(&response));
    go_on(&mut request, &NameAddr::new(uri("sip:fourth@example.com")), &left);
    let history = [
        "<sip:first@example.com>;index=1",
        "<sip:third@example.com;cause=486?Reason=SIP%3Bcause%3D302>;index=1.1;mp=1",
        "<sip:fourth@example.com>;index=1.2;mp=1.1",
    ];
    assert_eq!(all(&request.headers, &HeaderName::HistoryInfo), history);
    let diversions = ["<sip:third@example.com>;reason=unconditional", "<sip:first@example.com>;reason=user-busy"];
    assert_eq!(all(&request.headers, &HeaderName::Diversion), diversions);
    // What was left already, and is left once more, keeps its first reason.
    request.uri = uri("sip:fourth@example.com");
    response.status = StatusCode::BUSY_HERE;
    leave(&mut request, Some(&response));
    leave(&mut request, None);
    let history = all(&request.headers, &HeaderName::HistoryInfo);
    assert_eq!(history[2], "<sip:fourth@example.com?Reason=SIP%3Bcause%3D486>;index=1.2;mp=1.1");
    assert_eq!(history.len(), 3);
}

#[test]
fn a_history_that_makes_no_sense_is_gone_on_with_all_the_same() {
    for line in ["<sip:a@x>;index=", "<sip:a@x>", "<sip:a@x>;index=4294967295", "garbage, <sip:b@x>;index=1.2.3"] {
        let mut request = Request::new(Method::Invite, uri("sip:third@example.com"));
        request.headers.push(HeaderName::HistoryInfo, line);
        let left = leave(&mut request, None);
        for target in ["sip:fourth@example.com", "sip:fifth@example.com"] {
            go_on(&mut request, &NameAddr::new(uri(target)), &left);
        }
        assert!(all(&request.headers, &HeaderName::HistoryInfo).len() >= 3, "{line}");
        assert_eq!(all(&request.headers, &HeaderName::Diversion), ["<sip:third@example.com>;reason=unknown"]);
    }
}
