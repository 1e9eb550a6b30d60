//! Whom a caller is handed over to: from the agent's order to a number or an address.

use std::collections::BTreeMap;
use std::time::Duration;

use callwright_sip::endpoint::DialogSnapshot;
use callwright_sip::message::header::NameAddr;
use callwright_sip::message::{Host, HostPort, Scheme, Uri};

use crate::agent::assistant::Assistant;
use crate::agent::flow::template;
use crate::agent::transfer::{TransferManner, TransferOrder};
use crate::campaign::phone::E164;
use crate::pii::Pii;

/// A number or an address.
#[derive(Clone, PartialEq, Eq)]
pub enum Destination {
    /// A telephone number, reached over the call's own trunk.
    Number(Pii<E164>),
    /// A SIP address, reached at its own host.
    Address(Box<Uri>),
}

/// The order names nobody who could be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDestination {
    /// Neither a destination of the assistant, nor a number, nor a SIP address.
    #[error("the destination is neither known to the assistant nor a number or SIP address")]
    Unknown,
    /// Its text uses a value that this contact does not have.
    #[error("the destination's text cannot be made for this contact")]
    Template,
}

/// An order as it is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Whom.
    pub to: Destination,
    /// How.
    pub manner: TransferManner,
    /// What whoever answers is told.
    pub briefing: Option<Pii<String>>,
    /// How long it may ring, where the assistant says so.
    pub ring: Option<Duration>,
}

// It holds a telephone number or an address.
impl std::fmt::Debug for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Number(_) => "Number([redacted])",
            Self::Address(_) => "Address([redacted])",
        })
    }
}

impl Destination {
    /// Reads a number with `+` and country, or a SIP address with a host.
    ///
    /// # Errors
    /// [`BadDestination::Unknown`].
    pub fn parse(text: &str) -> Result<Self, BadDestination> {
        let text = text.trim();
        if text.starts_with('+')
            && let Ok(number) = E164::parse(text, None)
        {
            return Ok(Self::Number(Pii::new(number)));
        }
        let uri = Uri::parse(text.as_bytes()).map_err(|_| BadDestination::Unknown)?;
        // Headers in it could make our request say anything.
        let usable =
            matches!(uri.scheme, Scheme::Sip | Scheme::Sips) && uri.host != Host::Absent && uri.headers.is_none();
        if usable { Ok(Self::Address(Box::new(uri))) } else { Err(BadDestination::Unknown) }
    }

    /// The Refer-To of a REFER in this dialog: a number is written at the far side's own domain, which is who dials it.
    #[must_use]
    pub fn refer_to(&self, dialog: &DialogSnapshot) -> Option<NameAddr> {
        match self {
            Self::Address(uri) => Some(NameAddr::new(uri.as_ref().clone())),
            Self::Number(number) => {
                let remote = NameAddr::parse(dialog.remote_uri.as_bytes()).ok()?;
                let domain = HostPort { port: remote.uri.port, host: remote.uri.host };
                Some(NameAddr::new(Uri::sip(Some(number.expose().as_str().as_bytes()), domain)))
            }
        }
    }

    /// As it stands in the call's record.
    #[must_use]
    pub fn text(&self) -> Pii<String> {
        Pii::new(match self {
            Self::Number(number) => number.expose().as_str().to_owned(),
            Self::Address(uri) => uri.to_string(),
        })
    }

    /// The number, where it is one.
    #[must_use]
    pub fn number(&self) -> Option<&Pii<E164>> {
        match self {
            Self::Number(number) => Some(number),
            Self::Address(_) => None,
        }
    }

    /// The number that rings there as far as can be told: a gateway dials what stands before the `@`.
    #[must_use]
    pub fn rung(&self) -> Option<Pii<E164>> {
        match self {
            Self::Number(number) => Some(number.clone()),
            Self::Address(uri) => {
                let user = uri.user_text()?;
                // A telephone number may have parameters of its own (RFC 3966), such as `;phone-context`.
                let digits = std::str::from_utf8(user.split(|byte| *byte == b';').next()?).ok()?;
                let international = match digits.strip_prefix("00") {
                    Some(rest) => format!("+{rest}"),
                    None => digits.to_owned(),
                };
                let number = international.starts_with('+').then(|| E164::parse(&international, None));
                number.and_then(Result::ok).map(Pii::new)
            }
        }
    }
}

/// Finds out what an order means in this call. A name of the assistant's own list comes first.
///
/// # Errors
/// [`BadDestination`].
pub fn resolve(
    order: &TransferOrder,
    assistant: &Assistant,
    values: &BTreeMap<String, Pii<String>>,
) -> Result<Resolved, BadDestination> {
    let named = order.to.expose().trim();
    let Some(known) = assistant.transfers.iter().find(|known| known.name == named) else {
        let to = Destination::parse(named)?;
        return Ok(Resolved { to, manner: order.manner, briefing: order.briefing.clone(), ring: None });
    };
    let values: BTreeMap<String, String> =
        values.iter().map(|(name, value)| (name.clone(), value.expose().clone())).collect();
    let render = |text: &Pii<String>| template::render(text.expose(), &values).map_err(|_| BadDestination::Template);
    let briefing = match (&order.briefing, &known.briefing) {
        (Some(briefing), _) => Some(briefing.clone()),
        // Whoever answers is better told little than not asked at all.
        (None, Some(briefing)) => render(briefing).ok().map(Pii::new),
        (None, None) => None,
    };
    Ok(Resolved {
        to: Destination::parse(&render(&known.to)?)?,
        manner: order.manner,
        briefing,
        ring: Some(Duration::from_secs(known.ring_timeout_s.into())),
    })
}

#[cfg(test)]
mod tests {
    use callwright_sip::endpoint::{Flow, ListenerId, Transport};

    use super::*;

    fn order(to: &str) -> TransferOrder {
        TransferOrder { to: Pii::new(to.to_owned()), manner: TransferManner::Warm, briefing: None }
    }

    fn assistant() -> Assistant {
        serde_json::from_value(serde_json::json!({
            "name": "Desk",
            "flow": { "start": "bye", "nodes": [{ "id": "bye", "end": {} }] },
            "transfers": [
                { "name": "sales", "to": "+49 30 901820", "kind": "warm", "briefing": "About {{ topic }}.",
                  "ring_timeout_s": 40 },
                { "name": "owner", "to": "sip:{{ owner }}@pbx.example" },
            ],
        }))
        .expect("an assistant")
    }

    fn values() -> BTreeMap<String, Pii<String>> {
        [("topic", "a roof"), ("owner", "anna")].map(|(name, value)| (name.into(), Pii::new(value.to_owned()))).into()
    }

    #[test]
    fn a_name_of_the_assistant_is_looked_up_and_made_for_the_contact() {
        let sales = resolve(&order("sales"), &assistant(), &values()).expect("it is known");
        assert_eq!(sales.to.text().expose(), "+4930901820");
        assert_eq!(sales.briefing, Some(Pii::new("About a roof.".to_owned())));
        assert_eq!(sales.ring, Some(Duration::from_secs(40)));
        let owner = resolve(&order("owner"), &assistant(), &values()).expect("it is known");
        assert_eq!(owner.to.text().expose(), "sip:anna@pbx.example");
        assert_eq!((owner.manner, owner.to.number()), (TransferManner::Warm, None), "the order says how");
        let said = TransferOrder { briefing: Some(Pii::new("A leak.".to_owned())), ..order("sales") };
        let told = resolve(&said, &assistant(), &values()).expect("it is known").briefing;
        assert_eq!(told, said.briefing, "what the agent says comes before what was prepared");
        let nobody = resolve(&order("owner"), &assistant(), &BTreeMap::new());
        assert_eq!(nobody.err(), Some(BadDestination::Template));
    }

    #[test]
    fn numbers_and_addresses_are_read_and_nothing_else() {
        let text = |to: &str| resolve(&order(to), &assistant(), &values()).map(|found| found.to.text().into_inner());
        assert_eq!(text("+49 (30) 90182-0").as_deref(), Ok("+4930901820"));
        let address = "sip:anna@pbx.example:5070;transport=tcp";
        assert_eq!(text(address).as_deref(), Ok(address));
        let secure = "sips:anna@pbx.example";
        assert_eq!(text(secure).as_deref(), Ok(secure));
        let headers = "sip:a@b.example?Route=x";
        for nonsense in ["marketing", "030 901820", "", "tel:+1", headers, "http://x/"] {
            assert_eq!(text(nonsense), Err(BadDestination::Unknown), "{nonsense}");
        }
        assert_eq!(format!("{:?}", Destination::parse("+4930901820")), "Ok(Number([redacted]))");
    }

    #[test]
    fn an_address_rings_the_number_in_it() {
        for (to, want) in [
            ("+49 30 901820", Some("+4930901820")),
            ("sip:+4930901820@gateway.example", Some("+4930901820")),
            ("sip:+4930901820;phone-context=x@gateway.example;user=phone", Some("+4930901820")),
            ("sip:%2B4930901820@gateway.example", Some("+4930901820")),
            ("sip:00881612345678@gateway.example", Some("+881612345678")),
            ("sip:anna@pbx.example", None),
            ("sip:20@pbx.example", None),
            ("sip:pbx.example", None),
        ] {
            let rung = Destination::parse(to).expect("a destination").rung();
            assert_eq!(rung.as_ref().map(|number| number.expose().as_str()), want, "{to}");
        }
    }

    #[test]
    fn a_number_is_referred_to_at_the_far_sides_domain() {
        let dialog = DialogSnapshot {
            call_id: "a@b".into(),
            local_tag: "l".into(),
            remote_tag: "r".into(),
            local_uri: "<sip:+4930901821@carrier.example>".into(),
            remote_uri: "\"Bob\" <sip:+4930555@carrier.example:5070>".into(),
            remote_target: "sip:gw7@192.0.2.7".into(),
            route_set: Vec::new(),
            local_cseq: 1,
            remote_cseq: None,
            flow: Flow {
                listener: ListenerId(0),
                transport: Transport::Udp,
                peer: "192.0.2.7:5060".parse().expect("an address"),
            },
        };
        let refer_to = |text: &str| {
            let to = Destination::parse(text).expect("a destination").refer_to(&dialog).expect("the dialog reads");
            to.uri.to_string()
        };
        assert_eq!(refer_to("+4930901820"), "sip:+4930901820@carrier.example:5070");
        assert_eq!(refer_to("sip:anna@pbx.example"), "sip:anna@pbx.example");
    }
}
