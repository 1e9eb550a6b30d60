//! Registering with the carriers that ask for it, so that their calls find us.

use std::collections::BTreeMap;
use std::time::Duration;

use callwright_sip::endpoint::{LegKey, Registration, RegistrationState};
use callwright_sip::message::Uri;
use callwright_sip::message::header::NameAddr;

use super::plan::TrunkRoute;
use crate::id::TrunkId;
use crate::net::sip_driver::{InviteError, OurRegistration, SipHandle};

/// How long a binding is asked for; the registrar may shorten it.
const EXPIRES: Duration = Duration::from_secs(600);

/// The bindings of all trunks that want one.
#[derive(Debug)]
pub struct Registrar {
    sip: SipHandle,
    kept: BTreeMap<TrunkId, Kept>,
}

#[derive(Debug)]
struct Kept {
    route: TrunkRoute,
    /// Dropping it takes the binding back.
    registration: OurRegistration,
}

impl Registrar {
    /// No bindings yet.
    #[must_use]
    pub fn new(sip: SipHandle) -> Self {
        Self { sip, kept: BTreeMap::new() }
    }

    /// Keeps a binding for each of these trunks and takes back all others. A trunk whose route has changed registers
    /// anew. A route without credentials has no user to register and is passed over.
    ///
    /// # Errors
    /// The first registration that could not be sent; those before it stand, and a later call tries again.
    pub async fn keep(&mut self, routes: &[TrunkRoute]) -> Result<(), InviteError> {
        let current = |kept: &Kept| routes.iter().any(|route| same(route, &kept.route));
        self.kept.retain(|_, kept| current(kept));
        for route in routes {
            if !self.kept.contains_key(&route.trunk)
                && let Some(registration) = registration(route)
            {
                let registration = self.sip.register(registration).await?;
                self.kept.insert(route.trunk, Kept { route: route.clone(), registration });
            }
        }
        Ok(())
    }

    /// How each binding stands; `None` until its registrar has answered.
    #[must_use]
    pub fn states(&self) -> BTreeMap<TrunkId, Option<RegistrationState>> {
        self.kept.iter().map(|(trunk, kept)| (*trunk, kept.registration.state.borrow().clone())).collect()
    }
}

fn same(one: &TrunkRoute, other: &TrunkRoute) -> bool {
    one.trunk == other.trunk
        && one.flow == other.flow
        && one.domain == other.domain
        && one.credentials == other.credentials
}

/// The Call-ID is a fresh one: a registrar that knew an earlier one would want higher CSeq numbers than a new process
/// begins with (RFC 3261 section 10.2).
fn registration(route: &TrunkRoute) -> Option<Registration> {
    let user = &route.credentials.as_ref()?.username;
    Some(Registration {
        key: LegKey(rand::random()),
        flow: route.flow,
        registrar: Uri::sip(None, route.domain.clone()),
        aor: NameAddr::new(Uri::sip(Some(user.as_bytes()), route.domain.clone())),
        contact_user: user.clone(),
        credentials: route.credentials.clone(),
        expires: EXPIRES,
    })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use callwright_sip::endpoint::{Config, Credential, Flow};
    use callwright_sip::message::{HeaderName, HostPort};
    use tokio::time::timeout;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::config::{ListenerConfig, SipTransport};
    use crate::net::sip_driver::{self, SipService};

    async fn side(registrar: bool) -> SipService {
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = ListenerConfig { transport: SipTransport::Udp, bind, external: None, external_media: None };
        let config = Config { registrar, ..Config::default() };
        let seed = [u8::from(registrar); 32];
        sip_driver::start(&[listener], config, seed, CancellationToken::new()).await.expect("loopback binds")
    }

    /// User and Expires of the next REGISTER.
    async fn next(carrier: &mut SipService) -> (String, String) {
        let request =
            timeout(Duration::from_secs(10), carrier.registers.recv()).await.expect("in time").expect("running");
        let request = request.incoming.request;
        let text = |name| String::from_utf8_lossy(request.headers.get(&name).expect("it has one")).into_owned();
        let user = text(HeaderName::To).split(['@', ':']).nth(1).expect("a user").to_owned();
        (user, text(HeaderName::Expires))
    }

    #[tokio::test]
    async fn bindings_follow_the_trunks() {
        let (ours, mut carrier) = (side(false).await, side(true).await);
        let route = |trunk, user: &str| TrunkRoute {
            trunk: TrunkId::from_u128(trunk),
            flow: Flow { listener: ours.bound[0].id, transport: ours.bound[0].transport, peer: carrier.bound[0].local },
            domain: HostPort::from(carrier.bound[0].local),
            credentials: Some(Credential { username: user.to_owned(), password: "x".to_owned(), realm: None }),
        };
        let (one, two, other) = (route(1, "one"), route(2, "two"), route(1, "other"));
        let nameless = TrunkRoute { credentials: None, ..route(3, "") };
        let mut registrar = Registrar::new(ours.handle.clone());
        registrar.keep(&[one, two.clone(), nameless]).await.expect("sent");
        assert_eq!(next(&mut carrier).await, ("one".to_owned(), "600".to_owned()));
        assert_eq!(next(&mut carrier).await, ("two".to_owned(), "600".to_owned()));
        assert_eq!(registrar.states().len(), 2);
        registrar.keep(&[other, two]).await.expect("sent");
        let mut changes = [next(&mut carrier).await, next(&mut carrier).await];
        changes.sort();
        assert_eq!(changes, [("one".to_owned(), "0".to_owned()), ("other".to_owned(), "600".to_owned())]);
    }
}
