//! Calls with browsers: somebody talks to an assistant. No trunk takes part in them, and nothing that is counted or limited for
//! trunks and campaigns.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Calls;
use super::live::{Entry, Identity};
use crate::agent::assistant::AssistantVersion;
use crate::agent::conversation::{Conversation, ScriptError};
use crate::call::call::Call;
use crate::call::facts;
use crate::call::leg::Leg;
use crate::call::leg::webrtc::WebRtcLeg;
use crate::call::providers::NoProvider;
use crate::call::task::{CallTask, Parts};
use crate::id::{CallId, OrgId};
use crate::net::webrtc::sessions::BrowserLeg;
use crate::pii::Pii;
use crate::provider::catalog::Room;
use crate::time::{self, Now};
use crate::trunk::callers::Arrival;
use crate::trunk::media::DtmfMode;

/// A talk with an assistant.
#[derive(Clone)]
pub struct Talk {
    /// The call it is going to be.
    pub call: CallId,
    /// Whose it is.
    pub org: OrgId,
    /// Who speaks.
    pub assistant: Arc<AssistantVersion>,
    /// Values for the assistant's variables.
    pub variables: BTreeMap<String, Pii<String>>,
}

/// Why nobody can talk to an assistant.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// This node has as many calls as it may, or is stopping.
    #[error("this server takes no further calls")]
    Full,
    /// A provider has as much to do as it may.
    #[error("{0}")]
    NoRoom(String),
    /// The assistant names a provider that is not there.
    #[error(transparent)]
    Provider(#[from] NoProvider),
    /// The assistant cannot speak with these values.
    #[error(transparent)]
    Script(#[from] ScriptError),
}

impl Talk {
    /// What texts may use: the values, and day and time.
    fn values(&self, now: Now) -> BTreeMap<String, Pii<String>> {
        let mut values = self.variables.clone();
        facts::add(&mut values, now.wall, facts::zone(None, None), &self.assistant.definition.language);
        values
    }
}

impl Calls {
    /// Whether an assistant could be talked to now.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn may_talk(&self, talk: &Talk) -> Result<(), NotTaken> {
        let definition = &talk.assistant.definition;
        if self.is_full() {
            return Err(NotTaken::Full);
        }
        let providers = &self.inner.services.providers;
        if let Room::None(why) = providers.room(talk.org, definition) {
            return Err(NotTaken::NoRoom(why.to_string()));
        }
        providers.lineup(talk.org, definition)?;
        Conversation::new(definition, &talk.values(time::now()), definition.turn.timing())?;
        Ok(())
    }

    /// Lets a browser whose link is up talk to an assistant. Its report goes where those of calls go that nobody ordered.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn talk(&self, talk: Talk, browser: BrowserLeg) -> Result<(), NotTaken> {
        if self.is_full() {
            return Err(NotTaken::Full);
        }
        let (services, now) = (&self.inner.services, time::now());
        let variables = talk.values(now);
        let Talk { call, org, assistant, variables: _ } = talk;
        let definition = &assistant.definition;
        let lineup = services.providers.lineup(org, definition)?;
        let conversation = Conversation::new(definition, &variables, definition.turn.timing())?;
        let identity = Identity {
            call,
            org,
            trunk: None,
            attempt: None,
            second_of: None,
            assistant,
            contact: None,
            ours: None,
            started: now,
            vouched: None,
            arrival: Arrival::default(),
        };
        let BrowserLeg { negotiated, rtp, side } = browser;
        let (ends, entry) = Entry::new(identity.clone());
        let parts = Parts {
            call: Call::inbound(now.mono, services.clocks.clone()),
            conversation,
            lineup,
            context: identity.context(variables),
            leg: Leg::WebRtc(WebRtcLeg::new(negotiated)),
            body: None,
            rtp,
            recording: identity.recording(),
            // RFC 7874 section 3: every browser has telephone events.
            dtmf: DtmfMode::Rfc4733,
        };
        let task = CallTask::new(self.clone(), parts, ends).with_browser(side);
        self.spawn(identity, entry, task, None);
        Ok(())
    }
}
