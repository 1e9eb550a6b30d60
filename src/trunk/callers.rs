//! How a trunk is told who calls, and what is believed of what it tells, pure.

use callwright_sip::callerid::{Caller, DiversionReason, Diverted, withhold};
use callwright_sip::message::header::{NameAddr, PAssertedIdentity, PPreferredIdentity};
use callwright_sip::message::{HeaderName, Headers, Host, HostPort, Request, Uri};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::numbers::{NumberRules, RuleFault};
use crate::campaign::phone::E164;
use crate::campaign::wire::wire_enum;
use crate::pii::Pii;

wire_enum! {
    /// Which header tells the carrier who calls, beside From.
    #[derive(Default)]
    pub enum IdentityHeader is "identity header" {
        /// None.
        #[default]
        From = "from",
        /// P-Asserted-Identity (RFC 3325): to carriers that trust us.
        PAssertedIdentity = "p_asserted_identity",
        /// P-Preferred-Identity (RFC 3325): the carrier checks it.
        PPreferredIdentity = "p_preferred_identity",
        /// Remote-Party-ID, which some carriers know alone.
        RemotePartyId = "remote_party_id",
    }
}

wire_enum! {
    /// The host of From and of the identity.
    #[derive(Default)]
    pub enum FromHost is "host of From" {
        /// The trunk's.
        #[default]
        Trunk = "trunk",
        /// Our own address, as the trunk sees it.
        Own = "own",
        /// The one in `domain`.
        Given = "given",
    }
}

wire_enum! {
    /// The user of From.
    #[derive(Default)]
    pub enum FromUser is "user of From" {
        /// The number that is shown.
        #[default]
        Number = "number",
        /// The trunk's user name; the number stands in the identity alone.
        Account = "account",
    }
}

/// How a trunk is told who calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({ "identity": "p_asserted_identity", "from_host": "own", "trust_asserted": true }))]
pub struct CallerRules {
    /// Which header tells who calls, beside From.
    pub identity: IdentityHeader,
    /// A name shown with the number.
    #[schema(min_length = 1, max_length = 64)]
    pub display_name: Option<String>,
    /// Who stands in From.
    pub from_user: FromUser,
    /// At which host.
    pub from_host: FromHost,
    /// That host, when it is `given`.
    #[schema(examples("customer.carrier.example"))]
    pub domain: Option<String>,
    /// Mark numbers as such by `user=phone`.
    pub user_phone: bool,
    /// Call anonymously: From names nobody, and the carrier is asked not to pass on whom the identity names.
    pub withhold: bool,
    /// Believe P-Asserted-Identity of calls that come in. Of carriers that do not check it, leave it off: then From counts.
    pub trust_asserted: bool,
}

/// How a trunk wants numbers and callers written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wording {
    /// Numbers.
    pub numbers: NumberRules,
    /// Callers.
    pub callers: CallerRules,
}

/// Where a call is made.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Host and port of the trunk.
    pub domain: &'a HostPort,
    /// Our own address towards it, if it is known.
    pub own: Option<&'a HostPort>,
    /// Our user name there.
    pub account: Option<&'a str>,
}

/// What an INVITE says of both ends. It holds telephone numbers.
#[derive(Clone, PartialEq)]
pub struct Words {
    /// Request-URI.
    pub uri: Uri,
    /// From, without tag.
    pub from: NameAddr,
    /// To.
    pub to: NameAddr,
    /// The identity and Privacy.
    pub headers: Headers,
}

/// Who calls us, and by which way, as far as the trunk is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// The caller's number; none where it is withheld or none was shown.
    pub caller: Option<Pii<E164>>,
    /// The caller does not want to be known.
    pub withheld: bool,
    /// Why the call was diverted to us, and who was called first; none where it was not.
    pub diversion: Option<Diversion>,
}

/// A call that was meant for somebody else at first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diversion {
    /// Who was called first; none where that is withheld or no number.
    pub first_called: Option<Pii<E164>>,
    /// Why it went on from there: a word of RFC 5806.
    pub reason: String,
}

/// Longest name.
const LONGEST_NAME: usize = 64;

impl CallerRules {
    /// Everything that is wrong with them; empty when they can be used. `account` says whether the trunk has a user name.
    #[must_use]
    pub fn faults(&self, account: bool) -> Vec<RuleFault> {
        let mut faults = Vec::new();
        let mut fault = |field: &str, code, reason: &str| {
            faults.push(RuleFault { pointer: format!("/{field}"), code, reason: reason.to_owned() });
        };
        let presentable =
            |name: &str| (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        if self.display_name.as_deref().is_some_and(|name| !presentable(name)) {
            fault("display_name", "name", "write 1 to 64 characters without line breaks, or leave it out");
        }
        match (self.from_host, &self.domain) {
            (FromHost::Given, None) => fault("domain", "missing_field", "from_host is given: write that host name"),
            (FromHost::Given, Some(domain)) if host(domain).is_none() => {
                fault("domain", "host", "write a host name or an address without scheme and port");
            }
            (FromHost::Trunk | FromHost::Own, Some(_)) => {
                fault("domain", "unused", "it is not used: set from_host to given, or leave it out");
            }
            (FromHost::Given, Some(_)) | (FromHost::Trunk | FromHost::Own, None) => {}
        }
        if self.from_user == FromUser::Account {
            if !account {
                fault("from_user", "account_missing", "the trunk has no user name: give username, or show the number");
            }
            if self.identity == IdentityHeader::From {
                fault(
                    "identity",
                    "number_missing",
                    "with account in From the number is told nowhere: choose a header for it",
                );
            }
        }
        faults
    }

    /// The address of somebody whom this names.
    fn address(&self, user: &str, host: &HostPort) -> NameAddr {
        let mut address = NameAddr::new(self.uri(user, host.clone()));
        address.display = self.display_name.as_ref().map(|name| name.clone().into_bytes());
        address
    }

    fn uri(&self, user: &str, host: HostPort) -> Uri {
        let mut uri = Uri::sip(Some(user.as_bytes()), host);
        if self.user_phone {
            uri.params.set("user", Some(b"phone"));
        }
        uri
    }

    fn host(&self, place: Place<'_>) -> HostPort {
        let given = self.domain.as_deref().and_then(host);
        let host = match self.from_host {
            FromHost::Trunk => None,
            FromHost::Own => place.own.map(|own| own.host.clone()),
            FromHost::Given => given,
        };
        HostPort { host: host.unwrap_or_else(|| place.domain.host.clone()), port: None }
    }
}

impl Wording {
    /// What an INVITE to `to` says that shows `from`, or nobody where there is no number to show.
    #[must_use]
    pub fn words(&self, place: Place<'_>, to: &E164, from: Option<&E164>) -> Words {
        let rules = &self.callers;
        let called = self.numbers.called(to).text.into_inner();
        let uri = rules.uri(&called, place.domain.clone());
        let to = NameAddr::new(rules.uri(&called, HostPort { port: None, ..place.domain.clone() }));
        let (host, mut headers) = (rules.host(place), Headers::default());
        let Some(number) = from else {
            let from = NameAddr::new(Uri::sip(Some(b"anonymous"), host));
            return Words { uri, from, to, headers };
        };
        let identity = rules.address(self.numbers.caller(number).text.expose(), &host);
        let mut from = match (rules.from_user, place.account) {
            (FromUser::Account, Some(account)) => {
                let mut from = NameAddr::new(Uri::sip(Some(account.as_bytes()), host));
                from.display.clone_from(&identity.display);
                from
            }
            (FromUser::Account, None) | (FromUser::Number, _) => identity.clone(),
        };
        match (rules.identity, rules.withhold) {
            (IdentityHeader::From, false) => {}
            (IdentityHeader::PAssertedIdentity, false) => headers.push_typed(&PAssertedIdentity(identity)),
            (IdentityHeader::PPreferredIdentity, false) => headers.push_typed(&PPreferredIdentity(identity)),
            (IdentityHeader::RemotePartyId, false) => {
                headers.push(HeaderName::RemotePartyId, remote_party(identity, false))
            }
            (IdentityHeader::RemotePartyId, true) => {
                withhold(&mut from, &mut headers, identity.clone(), false);
                headers.remove(&HeaderName::PPreferredIdentity);
                headers.push(HeaderName::RemotePartyId, remote_party(identity, true));
            }
            (
                header
                @ (IdentityHeader::From | IdentityHeader::PAssertedIdentity | IdentityHeader::PPreferredIdentity),
                true,
            ) => {
                withhold(&mut from, &mut headers, identity, header == IdentityHeader::PAssertedIdentity);
            }
        }
        Words { uri, from, to, headers }
    }

    /// Who an INVITE that came in over the trunk is from, and whom it was for at first.
    #[must_use]
    pub fn arrival(&self, invite: &Request) -> Arrival {
        let trusted = self.callers.trust_asserted;
        let of = |caller: &Caller| self.incoming_caller(&caller.address.uri);
        let caller = Caller::of(invite, trusted);
        let withheld = caller.as_ref().is_some_and(|caller| caller.withheld);
        // An identity without a number leaves From, which nobody vouches for.
        let shown = || Caller::of(invite, false).as_ref().and_then(of);
        let number = caller.as_ref().and_then(of).or_else(shown).filter(|_| !withheld);
        let diversion = Diverted::all(&invite.headers).into_iter().next().map(|first| self.diversion(&first));
        Arrival { caller: number, withheld, diversion }
    }

    /// The number that a Request-URI asks for.
    #[must_use]
    pub fn incoming_called(&self, uri: &Uri) -> Option<Pii<E164>> {
        let user = uri.user_text()?;
        Some(self.numbers.incoming_called(std::str::from_utf8(&user).ok()?)?.number)
    }

    fn incoming_caller(&self, uri: &Uri) -> Option<Pii<E164>> {
        let user = uri.user_text()?;
        Some(self.numbers.incoming_caller(std::str::from_utf8(&user).ok()?)?.number)
    }

    fn diversion(&self, first: &Diverted) -> Diversion {
        let number = self.incoming_called(&first.from.uri).filter(|_| !first.withheld);
        let reason: DiversionReason = first.reason;
        Diversion { first_called: number, reason: reason.word().to_owned() }
    }
}

/// The value of a Remote-Party-ID (draft-ietf-sip-privacy-04).
fn remote_party(mut identity: NameAddr, withheld: bool) -> Vec<u8> {
    identity.params.set("party", Some(b"calling"));
    identity.params.set("screen", Some(b"yes"));
    identity.params.set("privacy", Some(if withheld { &b"full"[..] } else { &b"off"[..] }));
    let mut value = Vec::new();
    identity.print(&mut value);
    value
}

/// A host name or address that stands alone.
fn host(text: &str) -> Option<Host> {
    let read = HostPort::parse(text.as_bytes()).ok()?;
    read.port.is_none().then_some(read.host)
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Words([redacted])")
    }
}

#[cfg(test)]
mod tests;
