//! By which way a caller came who is handed over, as whoever is called next is told.

use callwright_sip::callerid::{DiversionReason, Diverted, tell_stations};
use callwright_sip::message::header::NameAddr;
use callwright_sip::message::{HostPort, Uri};

use crate::campaign::phone::E164;
use crate::pii::Pii;
use crate::trunk::callers::{Diversion, Wording};
use crate::trunk::plan::InvitePlan;

/// A call that came to us and goes on to somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameBy {
    /// The number of ours that was called.
    pub called: Pii<E164>,
    /// Whom it was for before that, where it was diverted to us.
    pub diversion: Option<Diversion>,
}

impl CameBy {
    /// Tells it in an INVITE over a trunk, by History-Info and Diversion, in the trunk's way to write callers. A trunk that shows
    /// nobody (`withhold`) is not told either.
    pub fn tell(&self, invite: &mut InvitePlan, wording: &Wording) {
        if wording.callers.withhold {
            return;
        }
        let host = HostPort { port: None, ..invite.from.uri.host_port() };
        let station = |number: Option<&Pii<E164>>, reason| {
            let text = number.map(|number| wording.numbers.caller(number.expose()).text.into_inner());
            let mut uri = Uri::sip(text.as_deref().map(str::as_bytes), host.clone());
            if wording.callers.user_phone {
                uri.params.set("user", Some(b"phone"));
            }
            Diverted { from: NameAddr::new(uri), reason, withheld: number.is_none() }
        };
        let before = self.diversion.as_ref().map(|diversion| {
            let reason = DiversionReason::of_word(diversion.reason.as_bytes());
            station(diversion.first_called.as_ref(), reason)
        });
        let ours = station(Some(&self.called), DiversionReason::Deflection);
        let stations: Vec<Diverted> = before.into_iter().chain([ours]).collect();
        tell_stations(&mut invite.headers, &stations, &invite.uri);
    }
}

#[cfg(test)]
mod tests {
    use callwright_sip::endpoint::{Flow, ListenerId, Transport};
    use callwright_sip::message::HeaderName;

    use super::*;
    use crate::id::TrunkId;
    use crate::trunk::callers::{CallerRules, FromHost};
    use crate::trunk::media::MediaTerms;
    use crate::trunk::numbers::{NumberForm, NumberRules, Writing};
    use crate::trunk::plan::{Signing, TrunkRoute};
    use crate::trunk::signalling::Manner;

    fn number(text: &str) -> Pii<E164> {
        Pii::new(text.parse().expect("a number"))
    }

    /// The headers of an INVITE over a trunk that writes callers in this way.
    fn told(came: &CameBy, callers: CallerRules) -> [Vec<String>; 2] {
        let caller = Writing { form: NumberForm::National, rules: Vec::new() };
        let numbers = NumberRules { country_code: Some("49".to_owned()), caller, ..NumberRules::default() };
        let route = TrunkRoute {
            trunk: TrunkId::from_u128(1),
            flow: Flow {
                listener: ListenerId(0),
                transport: Transport::Udp,
                peer: "192.0.2.7:5070".parse().expect("an address"),
            },
            sent_by: None,
            domain: HostPort::parse(b"carrier.example:5070").expect("a host"),
            credentials: None,
            signing: Signing::default(),
            media: MediaTerms::default(),
            conduct: Manner::default(),
            wording: Wording { numbers, callers },
        };
        let mut invite = InvitePlan::new(&route, number("+442012345678").expose(), Some(came.called.expose()));
        came.tell(&mut invite, &route.wording);
        let read = InvitePlan::from_json(&invite.to_json()).expect("own text is read");
        assert!(read.headers == invite.headers, "it is stored with the leg");
        [HeaderName::HistoryInfo, HeaderName::Diversion]
            .map(|name| invite.headers.all(&name).map(|value| String::from_utf8_lossy(value).into_owned()).collect())
    }

    #[test]
    fn the_one_called_next_learns_whom_the_call_was_for() {
        let mut came = CameBy { called: number("+493012345678"), diversion: None };
        let [history, diversion] = told(&came, CallerRules::default());
        let target = "<sip:+442012345678@carrier.example:5070;cause=480>";
        assert_eq!(
            history,
            ["<sip:03012345678@carrier.example>;index=1".to_owned(), format!("{target};index=1.1;mp=1")]
        );
        assert_eq!(diversion, ["<sip:03012345678@carrier.example>;reason=deflection"]);
        let (first_called, reason) = (Some(number("+493090180001")), "no-answer".to_owned());
        came.diversion = Some(Diversion { first_called, reason });
        let domain = Some("pbx.example".to_owned());
        let callers = CallerRules { from_host: FromHost::Given, domain, user_phone: true, ..CallerRules::default() };
        let [history, diversion] = told(&came, callers);
        assert_eq!(history.len(), 3);
        assert_eq!(history[0], "<sip:03090180001@pbx.example;user=phone>;index=1");
        assert_eq!(history[1], "<sip:03012345678@pbx.example;user=phone;cause=408>;index=1.1;mp=1");
        assert_eq!(diversion[1], "<sip:03090180001@pbx.example;user=phone>;reason=no-answer");
    }

    /// RFC 7044 section 10.1.2, and the trunk's own rule.
    #[test]
    fn who_is_not_to_be_known_is_not_named() {
        let diversion = Some(Diversion { first_called: None, reason: "user-busy".to_owned() });
        let came = CameBy { called: number("+493012345678"), diversion };
        let [history, diversions] = told(&came, CallerRules::default());
        assert_eq!(history[0], "<sip:anonymous@anonymous.invalid?Privacy=history>;index=1");
        assert_eq!(diversions[1], "<sip:anonymous@anonymous.invalid>;reason=user-busy;privacy=full");
        let hidden = CallerRules { withhold: true, ..CallerRules::default() };
        assert_eq!(told(&came, hidden), [Vec::<String>::new(), Vec::new()]);
    }
}
