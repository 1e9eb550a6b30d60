//! By which way a call of ours came, told to who is called next: History-Info (RFC 7044) beside Diversion (RFC 5806).

use super::{DiversionReason, Diverted, MOST_ENTRIES, addresses, nobody};
use crate::message::header::{Diversion, HistoryInfo, NameAddr, Privacy};
use crate::message::{HeaderName, Headers, HostPort, Request, Response, Scheme, StatusCode, Uri};

/// Stations that are told: of a call that was diverted more often, the first one and those that came last.
const MOST_TOLD: usize = 6;
/// Bytes of an address that is told: longer ones are as good as withheld.
const LONGEST: usize = 255;

/// Tells in `headers` by which stations a call came that goes on to `target`, the one that was called first in front: by
/// History-Info as RFC 7544 maps it, and by a Diversion for each, in place of what stood there. Who is withheld, or has an address of
/// more than 255 bytes, is told without a name (RFC 7044 section 10.1.2). Of more than six stations the first and the last five are told.
pub fn tell_stations(headers: &mut Headers, stations: &[Diverted], target: &Uri) {
    headers.remove(&HeaderName::Diversion);
    headers.remove(&HeaderName::HistoryInfo);
    let Some((first, others)) = stations.split_first() else { return };
    let latest = &others[others.len().saturating_sub(MOST_TOLD - 1)..];
    let told: Vec<Diverted> = std::iter::once(first).chain(latest).map(shown).collect();
    let (mut index, mut left_for) = (Vec::new(), None);
    for station in &told {
        let parent = index.clone();
        index.push(1);
        let mut uri = entered(&station.from.uri, &target.host_port(), left_for);
        if station.withheld {
            uri = uri.with_header("Privacy", b"history");
        }
        headers.push_typed(&entry(uri, &index, "mp", &parent));
        left_for = Some(station.reason);
    }
    let parent = index.clone();
    index.push(1);
    headers.push_typed(&entry(entered(target, &target.host_port(), left_for), &index, "mp", &parent));
    for station in told.iter().rev() {
        headers.push_typed(&station.header());
    }
}

/// What may be told of a station.
fn shown(station: &Diverted) -> Diverted {
    let mut told = station.clone();
    let mut printed = Vec::new();
    told.from.print(&mut printed);
    if told.withheld || printed.len() > LONGEST {
        told.withheld = true;
        told.from = NameAddr::new(nobody());
    }
    told.from.params = crate::message::Params::new();
    told.from.uri.headers = None;
    told
}

/// An address as an entry says it, which the one before was left for with this reason (RFC 4458). A telephone number needs the form
/// of a SIP address for that (RFC 3261 section 19.1.6).
fn entered(uri: &Uri, host: &HostPort, left_for: Option<DiversionReason>) -> Uri {
    let mut uri = uri.clone();
    uri.headers = None;
    uri.params.remove("cause");
    let Some(reason) = left_for else { return uri };
    if uri.scheme == Scheme::Tel {
        uri = Uri::sip(uri.user.as_deref(), host.clone());
        uri.params.set("user", Some(b"phone"));
    }
    uri.params.set("cause", Some(reason.cause().to_string().as_bytes()));
    uri
}

fn entry(uri: Uri, index: &[u32], kind: &str, from: &[u32]) -> HistoryInfo {
    let mut entry = NameAddr::new(uri);
    entry.params.set("index", Some(printed(index).as_bytes()));
    if !from.is_empty() {
        entry.params.set(kind, Some(printed(from).as_bytes()));
    }
    HistoryInfo(entry)
}

fn printed(index: &[u32]) -> String {
    index.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

/// A target of a call that is left for another one: what the INVITE to that one says of it.
#[derive(Debug, Clone)]
pub(crate) struct LeftTarget {
    index: Vec<u32>,
    /// Where the contacts of its redirection are somebody else's: the Diversions to be told, the latest on top.
    diversions: Vec<Vec<u8>>,
    /// Where they are its own.
    as_before: Vec<Vec<u8>>,
}

/// Notes in an INVITE which target it had and with which response that is left (RFC 7044 sections 9.3 and 10.2), for when it
/// is sent elsewhere.
pub(crate) fn leave(request: &mut Request, response: Option<&Response>) -> LeftTarget {
    let mut entries = entries(&request.headers);
    let is_current = |entry: &HistoryInfo| bare(&entry.uri).equivalent(&bare(&request.uri));
    if !entries.last().is_some_and(is_current) {
        let mut index = entries.last().map(HistoryInfo::index).unwrap_or_default();
        index.push(1);
        entries.push(entry(bare(&request.uri), &index, "", &[]));
    }
    let status = response.map(|response| response.status);
    let index = entries.last().map(HistoryInfo::index).unwrap_or_default();
    if let (Some(status), Some(current)) = (status, entries.last_mut()) {
        let speaks_sip = matches!(current.0.uri.scheme, Scheme::Sip | Scheme::Sips);
        if speaks_sip && current.reason().is_none() {
            let reason = format!("SIP;cause={}", status.code());
            current.0.uri = current.0.uri.clone().with_header("Reason", reason.as_bytes());
        }
    }
    write(&mut request.headers, &entries);
    let as_before: Vec<Vec<u8>> = values(&request.headers);
    let mut diversions = response.map(|response| values(&response.headers)).unwrap_or_default();
    if diversions.is_empty() {
        diversions.push(own_diversion(request, status));
    }
    diversions.extend_from_slice(&as_before);
    diversions.truncate(MOST_TOLD);
    LeftTarget { index, diversions, as_before }
}

/// Sends an INVITE on to a contact that the target of `origin` has named. Which of `rc`, `np` and `mp` it is says the
/// contact; without a word it is somebody else's (RFC 7044 section 10.4).
pub(crate) fn go_on(request: &mut Request, contact: &NameAddr, origin: &LeftTarget) {
    let mut entries = entries(&request.headers);
    let mut index = entries.last().map(HistoryInfo::index).unwrap_or_default();
    // A branch beside the one that is left: the next last number (section 10.3) that nobody has.
    while index.is_empty() || entries.iter().any(|entry| entry.index() == index) {
        match index.last_mut().filter(|last| **last < u32::MAX) {
            Some(last) => *last += 1,
            None => index.push(1),
        }
    }
    let kind = ["rc", "np"].into_iter().find(|kind| contact.params.has(kind)).unwrap_or("mp");
    let mut uri = bare(&contact.uri);
    if contact.uri.header("Privacy").is_some() {
        uri = uri.with_header("Privacy", b"history");
    }
    entries.push(entry(uri, &index, kind, &origin.index));
    write(&mut request.headers, &entries);
    request.headers.remove(&HeaderName::Diversion);
    for value in if kind == "mp" { &origin.diversions } else { &origin.as_before } {
        request.headers.push(HeaderName::Diversion, value);
    }
}

/// That the target of a request sends the call on.
fn own_diversion(request: &Request, status: Option<StatusCode>) -> Vec<u8> {
    let reason = status.map_or(DiversionReason::Unknown, |status| DiversionReason::of_cause(status.code()));
    let withheld = Privacy::of(&request.headers).hides_history();
    let left = Diverted { from: NameAddr::new(bare(&request.uri)), reason, withheld };
    let mut value = Vec::new();
    let Diversion(address) = shown(&left).header();
    address.print(&mut value);
    value
}

fn entries(headers: &Headers) -> Vec<HistoryInfo> {
    addresses::<HistoryInfo>(headers).into_iter().map(HistoryInfo).collect()
}

fn write(headers: &mut Headers, entries: &[HistoryInfo]) {
    headers.remove(&HeaderName::HistoryInfo);
    for entry in &entries[entries.len().saturating_sub(MOST_ENTRIES)..] {
        headers.push_typed(entry);
    }
}

/// The Diversions of a message that can be read, as they stand there.
fn values(headers: &Headers) -> Vec<Vec<u8>> {
    let printed = addresses::<Diversion>(headers).into_iter().map(|address| {
        let mut value = Vec::new();
        address.print(&mut value);
        value
    });
    printed.take(MOST_TOLD).collect()
}

fn bare(uri: &Uri) -> Uri {
    let mut uri = uri.clone();
    uri.headers = None;
    uri.params.remove("cause");
    uri
}

#[cfg(test)]
mod tests;
