//! Answering digest challenges over the life of a session (RFC 3261 section 22, RFC 7616).

use crate::digest::{self, Credential};
use crate::identity::Random;
use crate::message::header::{Asker, Challenge};
use crate::message::{Headers, Request};
use std::collections::{BTreeMap, BTreeSet};

/// Who asks, and for which realm: one set of credentials each.
type Space = (Asker, Vec<u8>);

/// What is known of the protection spaces a session has met. Credentials for them go into each later request too,
/// so that a BYE is not challenged again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Authenticator {
    credential: Option<Credential>,
    known: BTreeMap<Space, Known>,
}

#[derive(Debug, Clone)]
struct Known {
    challenges: Vec<Challenge>,
    /// How often the nonce was used.
    uses: u32,
}

/// What one request has gone through: which spaces were answered, and whether a stale nonce was forgiven.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempts {
    answered: BTreeSet<Space>,
    forgiven: BTreeSet<Space>,
    resends: u32,
}

/// The most often one request is sent again after a challenge: two proxies and a server, and one stale nonce.
const MOST_RESENDS: u32 = 4;

/// Most realms kept; more is no path of proxies but an attack.
const MOST_SPACES: usize = 8;

impl Authenticator {
    pub(crate) fn new(credential: Option<Credential>) -> Self {
        Self { credential, known: BTreeMap::new() }
    }

    /// Takes the challenges of a 401 or 407. `false` if the request is not to be sent again: there is no credential,
    /// or the one we have was refused. That is so when a space asks again after it was answered, unless it says that
    /// only the nonce was stale and gives another one; once.
    pub(crate) fn learn(&mut self, response: &Headers, attempts: &mut Attempts) -> bool {
        let Some(credential) = &self.credential else { return false };
        if attempts.resends >= MOST_RESENDS {
            return false;
        }
        let mut spaces: BTreeMap<Space, Vec<Challenge>> = BTreeMap::new();
        for challenge in Challenge::all(response) {
            if credential.realm.as_ref().is_none_or(|realm| realm.as_bytes() == challenge.realm) {
                spaces.entry((challenge.asker, challenge.realm.clone())).or_default().push(challenge);
            }
        }
        if spaces.is_empty() || spaces.len() + self.known.len() > 2 * MOST_SPACES {
            return false;
        }
        for (space, challenges) in spaces {
            let stale = challenges.iter().any(|challenge| challenge.stale);
            let sent_before = self.known.get(&space).is_some_and(|known| {
                known.uses > 0 && known.challenges.iter().any(|old| challenges.iter().any(|new| new.nonce == old.nonce))
            });
            if sent_before
                || (attempts.answered.contains(&space) && !(stale && attempts.forgiven.insert(space.clone())))
            {
                return false;
            }
            attempts.answered.insert(space.clone());
            self.known.insert(space, Known { challenges, uses: 0 });
        }
        attempts.resends += 1;
        true
    }

    /// Puts credentials for every known space into a request.
    pub(crate) fn apply(&mut self, request: &mut Request, random: &mut Random) {
        let Some(credential) = &self.credential else { return };
        for known in self.known.values_mut() {
            known.uses += 1;
            let cnonce = random.token();
            let answered = digest::answer(
                &known.challenges,
                credential,
                &request.method,
                &request.uri,
                &request.body,
                &cnonce,
                known.uses,
            );
            for credentials in answered.into_iter().flatten() {
                credentials.push_onto(&mut request.headers);
            }
        }
    }
}
