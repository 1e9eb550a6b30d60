//! What one dial over a trunk says: the parts of its INVITE that have to be known again after a crash.

use callwright_sip::endpoint::{
    Body, Credential, DialogSnapshot, Flow, Invite, LegKey, Orphan, OrphanInvite, OrphanStage,
};
use callwright_sip::message::header::NameAddr;
use callwright_sip::message::{HeaderName, Headers, HostPort, Uri};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::callers::{Place, Wording, Words};
use super::media::MediaTerms;
use super::signalling::Manner;
use crate::campaign::phone::E164;
use crate::id::{LegId, TrunkId};
use crate::stir::signer::{SigningLevel, Vouching};

/// A trunk as one dial uses it: resolved, chosen, with what is needed to ask for a call.
#[derive(Clone, Debug)]
pub struct TrunkRoute {
    /// Which trunk.
    pub trunk: TrunkId,
    /// From which listener to which address.
    pub flow: Flow,
    /// What our Via says there of its sender; none where only this process will ever name the call.
    pub sent_by: Option<HostPort>,
    /// Host and port of the Request-URI, as configured.
    pub domain: HostPort,
    /// User name and password, where the trunk asks for them.
    pub credentials: Option<Credential>,
    /// How well its callers are vouched for.
    pub signing: Signing,
    /// What its audio is like.
    pub media: MediaTerms,
    /// How it wants numbers and callers written.
    pub wording: Wording,
    /// What its calls do beyond what every call does.
    pub conduct: Manner,
}

/// How well the callers of a trunk are vouched for.
#[derive(Clone, Debug)]
pub struct Signing {
    /// At best.
    pub level: SigningLevel,
    /// Numbers that calls over the trunk may come from.
    pub own: Vec<E164>,
}

impl Default for Signing {
    /// Not at all.
    fn default() -> Self {
        Self { level: SigningLevel::None, own: Vec::new() }
    }
}

/// The INVITE of one leg, but for its offer. It holds a telephone number: `Debug` shows none of it.
#[derive(Clone, PartialEq)]
pub struct InvitePlan {
    /// Where it goes.
    pub flow: Flow,
    /// What its Via says of its sender: whoever ends the leg after a crash, on whichever node, says the same.
    pub sent_by: Option<HostPort>,
    /// Request-URI.
    pub uri: Uri,
    /// From, without tag.
    pub from: NameAddr,
    /// To.
    pub to: NameAddr,
    /// Further headers.
    pub headers: Headers,
    /// What we vouch for; nothing without. It is not stored: what a crash leaves of a leg is ended, never asked for again.
    pub attest: Option<Vouching>,
    /// What the audio is like; not stored either.
    pub media: MediaTerms,
    /// It was redirected here: its INVITE need not have been the first of its call.
    pub redirected: bool,
    /// What the call does beyond what every call does; not stored either.
    pub conduct: Manner,
}

/// The stored text of a leg cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored leg cannot be read: {0}")]
pub struct BadLeg(&'static str);

/// The secret of a leg: its id under a key that only this installation has. Call-ID, tags and branches follow from it,
/// so that a later life of the server can name what an earlier one sent.
#[must_use]
pub fn leg_key(secret: &[u8; 32], leg: LegId) -> LegKey {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(b"leg");
    mac.update(leg.as_bytes());
    LegKey(mac.finalize().into_bytes().into())
}

impl InvitePlan {
    /// A call to `to` that shows `from`, or nothing (RFC 3323 section 4.1) when there is no number to show.
    #[must_use]
    pub fn new(route: &TrunkRoute, to: &E164, from: Option<&E164>) -> Self {
        let account = route.credentials.as_ref().map(|credential| credential.username.as_str());
        let place = Place { domain: &route.domain, own: route.sent_by.as_ref(), account };
        let Words { uri, from: shown, to: callee, headers } = route.wording.words(place, to, from);
        // Whoever is not to be known is not named in a signature either.
        let vouched = from.filter(|_| !route.wording.callers.withhold).and_then(|from| {
            let level = route.signing.level.attestation(route.signing.own.contains(from))?;
            Some(Vouching { level, caller: from.clone(), callee: to.clone() })
        });
        Self {
            flow: route.flow,
            sent_by: route.sent_by.clone(),
            uri,
            from: shown,
            to: callee,
            headers,
            attest: vouched,
            media: route.media.clone(),
            conduct: route.conduct,
            redirected: false,
        }
    }

    /// A call to a SIP address that need not be the trunk's, showing `from` at the trunk's domain, or nothing. What the
    /// trunk's audio is like does not bind others.
    #[must_use]
    pub fn to_address(flow: Flow, sent_by: Option<HostPort>, to: &Uri, from: Option<&E164>, domain: &HostPort) -> Self {
        let domain = HostPort { port: None, ..domain.clone() };
        let shown = from.map_or_else(|| b"anonymous".to_vec(), |number| number.as_str().as_bytes().to_vec());
        Self {
            flow,
            sent_by,
            uri: to.clone(),
            from: NameAddr::new(Uri::sip(Some(&shown), domain)),
            to: NameAddr::new(to.clone()),
            headers: Headers::default(),
            attest: None,
            media: MediaTerms::default(),
            conduct: Manner::default(),
            redirected: false,
        }
    }

    /// The same call at another address that a redirection has named.
    #[must_use]
    pub fn redirected(&self, flow: Flow, sent_by: Option<HostPort>, to: &Uri) -> Self {
        Self { flow, sent_by, uri: to.clone(), redirected: true, ..self.clone() }
    }

    /// The INVITE to be sent.
    #[must_use]
    pub fn invite(&self, key: LegKey, credentials: Option<Credential>, offer: Body) -> Invite {
        Invite {
            key,
            flow: self.flow,
            uri: self.uri.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            headers: self.headers.clone(),
            body: offer,
            credentials,
            session_expires: Some(1_800),
            conduct: self.conduct.into(),
        }
    }

    /// As JSON text, for the leg's row.
    #[must_use]
    pub fn to_json(&self) -> String {
        let stored = StoredInvite {
            flow: self.flow.to_string(),
            sent_by: self.sent_by.as_ref().map(|sent_by| text(|out| sent_by.print(out))),
            uri: text(|out| self.uri.print(out)),
            from: text(|out| self.from.print(out)),
            to: text(|out| self.to.print(out)),
            redirected: self.redirected,
            headers: self
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value).into_owned()))
                .collect(),
        };
        serde_json::to_string(&stored).expect("strings serialise")
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// [`BadLeg`] names what cannot be read.
    pub fn from_json(stored: &str) -> Result<Self, BadLeg> {
        let stored: StoredInvite = serde_json::from_str(stored).map_err(|_| BadLeg("invite"))?;
        let mut headers = Headers::default();
        for (name, value) in stored.headers {
            headers.push(HeaderName::from_bytes(name.as_bytes()).ok_or(BadLeg("headers"))?, value);
        }
        let sent_by = stored.sent_by.map(|sent_by| HostPort::parse(sent_by.as_bytes()).map_err(|_| BadLeg("sent_by")));
        Ok(Self {
            sent_by: sent_by.transpose()?,
            flow: stored.flow.parse().map_err(|_| BadLeg("flow"))?,
            uri: Uri::parse(stored.uri.as_bytes()).map_err(|_| BadLeg("uri"))?,
            from: NameAddr::parse(stored.from.as_bytes()).map_err(|_| BadLeg("from"))?,
            to: NameAddr::parse(stored.to.as_bytes()).map_err(|_| BadLeg("to"))?,
            headers,
            attest: None,
            media: MediaTerms::default(),
            conduct: Manner::default(),
            redirected: stored.redirected,
        })
    }
}

impl std::fmt::Debug for InvitePlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InvitePlan([redacted])")
    }
}

/// A dialog as JSON text, for the leg's row.
#[must_use]
pub fn dialog_to_json(dialog: &DialogSnapshot) -> String {
    let stored = StoredDialog {
        call_id: dialog.call_id.clone(),
        local_tag: dialog.local_tag.clone(),
        remote_tag: dialog.remote_tag.clone(),
        local_uri: dialog.local_uri.clone(),
        remote_uri: dialog.remote_uri.clone(),
        remote_target: dialog.remote_target.clone(),
        route_set: dialog.route_set.clone(),
        local_cseq: dialog.local_cseq,
        remote_cseq: dialog.remote_cseq,
        flow: dialog.flow.to_string(),
    };
    serde_json::to_string(&stored).expect("strings and numbers serialise")
}

/// A leg that an earlier life of the server left behind, as the endpoint wants it: an answered one gets a BYE in its
/// `dialog` (as JSON), any other a CANCEL for each INVITE that may have left, and the BYE where that comes too late.
///
/// # Errors
/// [`BadLeg`] names what cannot be read.
pub fn orphan(
    key: LegKey,
    credentials: Option<Credential>,
    invite: &str,
    dialog: Option<&str>,
    answered: bool,
) -> Result<Orphan, BadLeg> {
    let dialog = dialog.map(dialog_from_json).transpose()?.map(Box::new);
    let stage = match dialog {
        Some(dialog) if answered => OrphanStage::Confirmed(dialog),
        dialog => {
            let InvitePlan { flow, sent_by, uri, from, to, headers, redirected, attest: _, media: _, conduct: _ } =
                InvitePlan::from_json(invite)?;
            let invites = if credentials.is_some() || redirected { Orphan::MOST_INVITES } else { 1 };
            OrphanStage::Early(Box::new(OrphanInvite { flow, sent_by, uri, from, to, headers, invites, dialog }))
        }
    };
    Ok(Orphan { key, credentials, stage })
}

fn dialog_from_json(stored: &str) -> Result<DialogSnapshot, BadLeg> {
    let stored: StoredDialog = serde_json::from_str(stored).map_err(|_| BadLeg("dialog"))?;
    Ok(DialogSnapshot {
        call_id: stored.call_id,
        local_tag: stored.local_tag,
        remote_tag: stored.remote_tag,
        local_uri: stored.local_uri,
        remote_uri: stored.remote_uri,
        remote_target: stored.remote_target,
        route_set: stored.route_set,
        local_cseq: stored.local_cseq,
        remote_cseq: stored.remote_cseq,
        flow: stored.flow.parse().map_err(|_| BadLeg("flow"))?,
    })
}

#[derive(Serialize, Deserialize)]
struct StoredInvite {
    flow: String,
    #[serde(default)]
    sent_by: Option<String>,
    uri: String,
    from: String,
    to: String,
    headers: Vec<(String, String)>,
    #[serde(default)]
    redirected: bool,
}

#[derive(Serialize, Deserialize)]
struct StoredDialog {
    call_id: String,
    local_tag: String,
    remote_tag: String,
    local_uri: String,
    remote_uri: String,
    remote_target: String,
    route_set: Vec<String>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    flow: String,
}

fn text(print: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    print(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use callwright_sip::endpoint::{ListenerId, Transport};

    use super::*;
    use crate::stir::passport::Attestation;
    use crate::trunk::callers::{CallerRules, IdentityHeader};
    use crate::trunk::numbers::{NumberForm, NumberRules, Writing};

    fn route() -> TrunkRoute {
        TrunkRoute {
            trunk: TrunkId::from_u128(1),
            flow: Flow {
                listener: ListenerId(0),
                transport: Transport::Udp,
                peer: "192.0.2.7:5070".parse().expect("an address"),
            },
            sent_by: Some(HostPort::from("198.51.100.4:5060".parse::<std::net::SocketAddr>().expect("an address"))),
            domain: HostPort::from("192.0.2.7:5070".parse::<std::net::SocketAddr>().expect("an address")),
            credentials: None,
            signing: Signing::default(),
            media: MediaTerms::default(),
            wording: Wording::default(),
            conduct: Manner::default(),
        }
    }

    fn number(text: &str) -> E164 {
        text.parse().expect("a number")
    }

    #[test]
    fn an_invite_names_both_numbers_and_round_trips_through_its_row() {
        let mut plan = InvitePlan::new(&route(), &number("+4930901820"), Some(&number("+4930901821")));
        plan.headers.push(HeaderName::Route, "<sip:edge.example.net;lr>");
        assert_eq!(text(|out| plan.uri.print(out)), "sip:+4930901820@192.0.2.7:5070");
        assert_eq!(text(|out| plan.from.print(out)), "<sip:+4930901821@192.0.2.7>");
        let read = InvitePlan::from_json(&plan.to_json()).expect("own text is read");
        assert!(read == plan, "what was stored is what is read");
        assert_eq!(format!("{plan:?}"), "InvitePlan([redacted])");
    }

    #[test]
    fn callers_are_vouched_for_as_the_trunk_says() {
        let own = number("+4930901821");
        let attest = |level, from: Option<&str>| {
            let signing = Signing { level, own: vec![own.clone()] };
            let from = from.map(number);
            InvitePlan::new(&TrunkRoute { signing, ..route() }, &number("+4930901820"), from.as_ref())
                .attest
                .map(|vouching| vouching.level)
        };
        assert_eq!(attest(SigningLevel::A, Some("+4930901821")), Some(Attestation::A));
        assert_eq!(attest(SigningLevel::A, Some("+4930901822")), Some(Attestation::B));
        assert_eq!(attest(SigningLevel::A, None), None, "nobody is shown");
        assert_eq!(attest(SigningLevel::None, Some("+4930901821")), None);
    }

    #[test]
    fn the_trunks_wording_is_stored_with_the_leg_and_the_signature_keeps_the_numbers_own_spelling() {
        let own = number("+4930901821");
        let numbers = NumberRules {
            country_code: Some("49".to_owned()),
            called: Writing { form: NumberForm::National, rules: Vec::new() },
            ..NumberRules::default()
        };
        let callers = CallerRules { identity: IdentityHeader::PAssertedIdentity, ..CallerRules::default() };
        let signing = Signing { level: SigningLevel::A, own: vec![own.clone()] };
        let route = TrunkRoute { signing, wording: Wording { numbers, callers }, ..route() };
        let plan = InvitePlan::new(&route, &number("+4930901820"), Some(&own));
        let vouching = plan.attest.clone().expect("its own number");
        assert_eq!((vouching.callee.as_str(), vouching.caller), ("+4930901820", own.clone()));
        let read = InvitePlan::from_json(&plan.to_json()).expect("own text is read");
        assert_eq!(text(|out| read.uri.print(out)), "sip:030901820@192.0.2.7:5070");
        assert_eq!(read.headers.get(&HeaderName::PAssertedIdentity), Some(&b"<sip:+4930901821@192.0.2.7>"[..]));
        let mut hidden = route;
        hidden.wording.callers.withhold = true;
        assert!(InvitePlan::new(&hidden, &number("+4930901820"), Some(&own)).attest.is_none());
    }

    #[test]
    fn each_leg_and_each_installation_has_its_own_secret() {
        let key = |secret: u8, leg| leg_key(&[secret; 32], LegId::from_u128(leg));
        assert_eq!(key(1, 1), key(1, 1));
        assert_ne!(key(1, 1), key(1, 2));
        assert_ne!(key(1, 1), key(2, 1));
    }

    #[test]
    fn an_orphan_gets_a_cancel_before_and_a_bye_after_the_answer() {
        let invite = InvitePlan::new(&route(), &number("+4930901820"), None).to_json();
        let key = leg_key(&[1; 32], LegId::from_u128(1));
        let early = orphan(key, None, &invite, None, false).expect("readable");
        assert!(matches!(early.stage, OrphanStage::Early(early) if early.invites == 1));
        let dialog = DialogSnapshot {
            call_id: "a@b".into(),
            local_tag: "l".into(),
            remote_tag: "r".into(),
            local_uri: "<sip:a@b>".into(),
            remote_uri: "<sip:c@d>".into(),
            remote_target: "sip:c@192.0.2.7".into(),
            route_set: vec!["<sip:edge;lr>".into()],
            local_cseq: 2,
            remote_cseq: None,
            flow: route().flow,
        };
        let stored = dialog_to_json(&dialog);
        let answered = orphan(key, None, &invite, Some(&stored), true).expect("readable");
        assert!(matches!(answered.stage, OrphanStage::Confirmed(read) if *read == dialog));
        let ringing = orphan(key, None, &invite, Some(&stored), false).expect("readable");
        assert!(matches!(ringing.stage, OrphanStage::Early(early) if early.dialog.as_deref() == Some(&dialog)));
        let elsewhere = Uri::parse(b"sip:+4930901820@192.0.2.8").expect("a URI");
        let plan = InvitePlan::new(&route(), &number("+4930901820"), None);
        let moved = plan.redirected(route().flow, None, &elsewhere).to_json();
        let redirected = orphan(key, None, &moved, None, false).expect("readable");
        let OrphanStage::Early(early) = redirected.stage else { panic!("it was not answered") };
        assert_eq!((early.invites, early.uri), (Orphan::MOST_INVITES, elsewhere), "nobody knows which INVITE it was");
        assert_eq!(orphan(key, None, "{}", None, false).expect_err("nothing in it"), BadLeg("invite"));
    }
}
