//! Who calls, and by which way the call came: P-Asserted-Identity and Privacy (RFC 3323, 3325), History-Info (RFC 7044) and
//! Diversion (RFC 5806), read into one answer, and written.

pub(crate) mod history;

pub use history::tell_stations;

use crate::endpoint::Invite;
use crate::message::header::{
    Diversion, From, HistoryInfo, NameAddr, PAssertedIdentity, PPreferredIdentity, Privacy, TypedHeader,
};
use crate::message::{Headers, HostPort, Request, Scheme, Uri};

/// Entries of History-Info and Diversion that are looked at.
const MOST_ENTRIES: usize = 32;

/// Who a call says it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The address to go by; a telephone number before any other.
    pub address: NameAddr,
    /// The network vouches for it.
    pub asserted: bool,
    /// It is not to be shown or passed on: the caller asked for privacy, or calls anonymously.
    pub withheld: bool,
}

impl Caller {
    /// The caller of an INVITE. `trusted` says whether its sender may assert identities (RFC 3325 section 5): from anybody
    /// else P-Asserted-Identity is not looked at. `None` without a From that can be read.
    #[must_use]
    pub fn of(invite: &Request, trusted: bool) -> Option<Self> {
        let from: From = invite.headers.typed().ok()?;
        let identities = if trusted { addresses::<PAssertedIdentity>(&invite.headers) } else { Vec::new() };
        let asserted = identities.iter().find(|address| address.is_phone()).or(identities.first()).cloned();
        let privacy = Privacy::of(&invite.headers);
        let withheld = privacy.hides_identity() || is_anonymous(&from.uri);
        let vouched = asserted.is_some();
        Some(Self { address: asserted.unwrap_or(from.0), asserted: vouched, withheld })
    }
}

/// Why a call was diverted: the words of RFC 5806 section 8 and their causes of RFC 4458 section 2, as RFC 7544 maps them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiversionReason {
    /// Not told, or not known.
    Unknown,
    /// Always.
    Unconditional,
    /// The number was busy.
    UserBusy,
    /// Nobody answered.
    NoAnswer,
    /// By the callee while it rang.
    Deflection,
    /// The telephone could not be reached.
    Unavailable,
    /// By the time of day.
    TimeOfDay,
    /// The callee did not want to be disturbed.
    DoNotDisturb,
    /// The callee is elsewhere.
    FollowMe,
    /// The line is out of service.
    OutOfService,
    /// The callee is away.
    Away,
}

impl DiversionReason {
    const WORDS: [(Self, &'static str); 11] = [
        (Self::Unknown, "unknown"),
        (Self::Unconditional, "unconditional"),
        (Self::UserBusy, "user-busy"),
        (Self::NoAnswer, "no-answer"),
        (Self::Deflection, "deflection"),
        (Self::Unavailable, "unavailable"),
        (Self::TimeOfDay, "time-of-day"),
        (Self::DoNotDisturb, "do-not-disturb"),
        (Self::FollowMe, "follow-me"),
        (Self::OutOfService, "out-of-service"),
        (Self::Away, "away"),
    ];

    /// The word of a Diversion header.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(reason, _)| *reason == self).map_or("unknown", |(_, word)| word)
    }

    /// The cause that stands for it in History-Info (RFC 4458 section 2): that of an unknown one for those without.
    #[must_use]
    pub fn cause(self) -> u16 {
        match self {
            Self::Unconditional => 302,
            Self::UserBusy => 486,
            Self::NoAnswer => 408,
            Self::Deflection => 480,
            Self::Unavailable => 503,
            Self::Unknown | Self::TimeOfDay | Self::DoNotDisturb | Self::FollowMe | Self::OutOfService | Self::Away => {
                404
            }
        }
    }

    /// The reason that a Diversion header means by this word.
    #[must_use]
    pub fn of_word(word: &[u8]) -> Self {
        let known = Self::WORDS.iter().find(|(_, known)| word.eq_ignore_ascii_case(known.as_bytes()));
        known.map_or(Self::Unknown, |(reason, _)| *reason)
    }

    fn of_cause(cause: u16) -> Self {
        match cause {
            302 => Self::Unconditional,
            486 => Self::UserBusy,
            408 => Self::NoAnswer,
            480 | 487 => Self::Deflection,
            503 => Self::Unavailable,
            _other => Self::Unknown,
        }
    }
}

/// One station of a call that was diverted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diverted {
    /// Who was called there.
    pub from: NameAddr,
    /// Why the call went on.
    pub reason: DiversionReason,
    /// It is not to be shown or passed on.
    pub withheld: bool,
}

impl Diverted {
    /// The stations of a call, the one that was called first in front; by History-Info where it tells of any, else by
    /// Diversion. At most 32.
    #[must_use]
    pub fn all(headers: &Headers) -> Vec<Self> {
        let told = Self::by_history(headers);
        if told.is_empty() { Self::by_diversion(headers) } else { told }
    }

    /// A Diversion header stands above the older ones (RFC 5806 section 5).
    fn by_diversion(headers: &Headers) -> Vec<Self> {
        let mut stations: Vec<Self> = addresses::<Diversion>(headers)
            .into_iter()
            .map(|mut from| {
                let params = std::mem::take(&mut from.params);
                let reason = params.text("reason").map_or(DiversionReason::Unknown, |w| DiversionReason::of_word(&w));
                let privacy = params.text("privacy").unwrap_or_default().to_ascii_lowercase();
                Self { from, reason, withheld: !privacy.is_empty() && privacy != b"off" }
            })
            .collect();
        stations.reverse();
        stations
    }

    /// An entry that was mapped from another (`mp`), or whose URI says by its `cause` that it was diverted to, tells of the
    /// one it came from (RFC 7044 section 10.1, RFC 4458).
    fn by_history(headers: &Headers) -> Vec<Self> {
        let mut entries: Vec<HistoryInfo> = addresses::<HistoryInfo>(headers).into_iter().map(HistoryInfo).collect();
        entries.sort_by_key(|entry| entry.index());
        let whole_is_private = Privacy::of(headers).hides_history();
        let mut stations = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let cause = entry.uri.params.text("cause").and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok());
            if cause.is_none() && entry.mapped_from().is_none() {
                continue;
            }
            let origin = match entry.mapped_from().or_else(|| entry.recursed_from()) {
                Some(index) => entries.iter().find(|other| other.index() == index),
                None => at.checked_sub(1).and_then(|before| entries.get(before)),
            };
            let Some(origin) = origin else { continue };
            let cause = cause.or_else(|| origin.reason()?.cause);
            let mut from = NameAddr::new(origin.uri.clone());
            from.display.clone_from(&origin.display);
            from.uri.headers = None;
            from.uri.params.remove("cause");
            let withheld = whole_is_private || origin.is_private();
            let reason = cause.map_or(DiversionReason::Unknown, DiversionReason::of_cause);
            stations.push(Self { from, reason, withheld });
        }
        stations
    }

    /// The header that tells a peer of this station.
    #[must_use]
    pub fn header(&self) -> Diversion {
        let mut address = self.from.clone();
        address.params.set("reason", Some(self.reason.word().as_bytes()));
        if self.withheld {
            address.params.set("privacy", Some(b"full"));
        }
        Diversion(address)
    }
}

/// Hides the caller of a call (RFC 3323 section 4.1): `from` names nobody, and the network is asked to keep `identity` to
/// itself (RFC 3325 section 9.3). A peer that trusts us takes P-Asserted-Identity, any other P-Preferred-Identity; what else
/// `headers` tell of the caller goes.
pub fn withhold(from: &mut NameAddr, headers: &mut Headers, identity: NameAddr, trusted: bool) {
    *from = NameAddr::new(nobody());
    from.display = Some(b"Anonymous".to_vec());
    for name in [PAssertedIdentity::NAME, PPreferredIdentity::NAME, crate::message::HeaderName::RemotePartyId] {
        headers.remove(&name);
    }
    if trusted {
        headers.push_typed(&PAssertedIdentity(identity));
    } else {
        headers.push_typed(&PPreferredIdentity(identity));
    }
    headers.set_typed(&Privacy::id());
}

impl Invite {
    /// Calls anonymously: as [`withhold`] has it.
    pub fn withhold_caller(&mut self, identity: NameAddr, trusted: bool) {
        withhold(&mut self.from, &mut self.headers, identity, trusted);
    }
}

/// The address of somebody who is not to be known (RFC 3323 section 4.1.1.3).
fn nobody() -> Uri {
    Uri::sip(Some(b"anonymous"), HostPort::parse(b"anonymous.invalid").expect("a host name"))
}

/// RFC 3323 section 4.1.1.3 and the forms that came before it.
fn is_anonymous(uri: &Uri) -> bool {
    let user = uri.user_text().is_some_and(|user| user.eq_ignore_ascii_case(b"anonymous"));
    let host = uri.host.to_string();
    let nowhere = host.eq_ignore_ascii_case("anonymous.invalid");
    matches!(uri.scheme, Scheme::Sip | Scheme::Sips) && (user || nowhere)
}

/// The addresses of all values that can be read.
fn addresses<H: TypedHeader>(headers: &Headers) -> Vec<NameAddr> {
    let name = H::NAME;
    let elements = headers.all(&name).flat_map(crate::message::split_list).take(MOST_ENTRIES);
    elements.filter_map(|(_, element)| NameAddr::parse(element).ok()).collect()
}

#[cfg(test)]
mod tests;
