//! An organisation with a trunk, an assistant and contacts to test with.

use std::time::Duration;

use callwright::agent::assistant::{Assistant, Disclosure};
use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::run::Schedule;
use callwright::campaign::settings::Settings;
use callwright::campaign::states::{CampaignState, EndedBy};
use callwright::dialer::claim::DialRefusal;
use callwright::id::{AssistantId, CampaignId, ContactId, LegId, NodeId, OrgId, TrunkId};
use callwright::stir::signer::SigningLevel;
use callwright::stir::verdict::IdentityPolicy;
use callwright::store::audit::Actor;
use callwright::store::campaign::{Campaign, CampaignData, Move};
use callwright::store::contact::ContactData;
use callwright::store::dialing::{AttemptEnd, ClaimRequest, Claimed, DialRequest, Dialing, Node, Picked, Refused};
use callwright::store::org::PhoneKey;
use callwright::store::target::{Entry, Target};
use callwright::store::trunk::{TrunkData, TrunkTransport};
use callwright::store::{Db, Page, StoreError, assistant, campaign, contact, org, target, trunk};
use callwright::trunk::callers::Wording;
use callwright::trunk::media::MediaTerms;
use callwright::trunk::signalling::Signalling;

pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) org: OrgId,
    pub(crate) key: PhoneKey,
    pub(crate) trunk: TrunkId,
    pub(crate) assistant: AssistantId,
}

impl World {
    pub(crate) async fn new(db: &Db) -> Self {
        let mut tx = db.begin().await.expect("a transaction");
        let org = org::ensure_default(&mut tx).await.expect("an organisation").id;
        let key = org::secrets(&mut tx, [[1; 32], [2; 32]]).await.expect("secrets").phone;
        let trunk = trunk::insert(&mut tx, org, trunk_data("carrier")).await.expect("a trunk").id;
        let definition = assistant_definition("Survey");
        let assistant = assistant::insert(&mut tx, org, definition).await.expect("an assistant").current.assistant;
        tx.commit().await.expect("a commit");
        Self { db: db.clone(), org, key, trunk, assistant }
    }

    /// Contacts in Berlin with numbers counted up from `first`.
    pub(crate) async fn contacts(&self, first: u32, count: u32) -> Vec<ContactId> {
        let contacts: Vec<_> = (first..first + count).map(contact_data).collect();
        let mut tx = self.db.begin().await.expect("a transaction");
        let ids = contact::insert(&mut tx, self.org, &self.key, &contacts).await.expect("contacts");
        tx.commit().await.expect("a commit");
        ids
    }

    pub(crate) fn campaign_data(&self, name: &str, settings: Settings) -> CampaignData {
        CampaignData {
            name: name.to_owned(),
            description: String::new(),
            goal: None,
            assistant: self.assistant,
            trunk: self.trunk,
            caller_id: "+493012345678".parse().expect("a number"),
            schedule: open_all_day(),
            settings,
            disclosure: Disclosure::default(),
            scheduled_start_at: None,
        }
    }

    pub(crate) async fn draft(&self, name: &str, settings: Settings) -> Campaign {
        let mut tx = self.db.begin().await.expect("a transaction");
        let data = self.campaign_data(name, settings);
        let campaign = campaign::insert(&mut tx, self.org, &Actor::system("test"), data).await.expect("a campaign");
        tx.commit().await.expect("a commit");
        campaign
    }

    /// A campaign in progress with `contacts` in it.
    pub(crate) async fn running(&self, name: &str, settings: Settings, contacts: &[ContactId]) -> Campaign {
        let draft = self.draft(name, settings).await;
        let mut tx = self.db.begin().await.expect("a transaction");
        target::add(&mut tx, self.org, draft.id, contacts, Entry::default()).await.expect("targets");
        tx.commit().await.expect("a commit");
        self.advance(&draft, CampaignState::InProgress).await
    }

    /// The campaign, which demands this to be told first.
    pub(crate) async fn demand(&self, seen: &Campaign, disclosure: Disclosure) -> Campaign {
        let mut tx = self.db.begin().await.expect("a transaction");
        let data = CampaignData { disclosure, ..seen.data.clone() };
        campaign::update(&mut tx, seen, &Actor::system("test"), &data).await.expect("the campaign as seen");
        let campaign = campaign::get(&mut tx, self.org, seen.id).await.expect("the campaign");
        tx.commit().await.expect("a commit");
        campaign
    }

    pub(crate) async fn advance(&self, seen: &Campaign, to: CampaignState) -> Campaign {
        let mut tx = self.db.begin_durable().await.expect("a transaction");
        let to = Move { to, pause_reason: None };
        campaign::advance(&mut tx, seen, &Actor::system("test"), to).await.expect("the campaign as seen");
        tx.commit().await.expect("a commit");
        let mut tx = self.db.read().await.expect("a transaction");
        campaign::get(&mut tx, self.org, seen.id).await.expect("the campaign")
    }
}

/// A node that dials.
pub(crate) struct Dialer {
    pub(crate) dialing: Dialing,
    pub(crate) node: Node,
}

pub(crate) const LEASE: Duration = Duration::from_secs(30);
/// Far more than a busy machine takes for the dial that follows a claim.
pub(crate) const HEADROOM: Duration = Duration::from_secs(20);

impl Dialer {
    pub(crate) async fn new(db: &Db) -> Self {
        let dialing = Dialing::new(db, LEASE);
        let node = dialing.register(NodeId::generate()).await.expect("a node");
        Self { dialing, node }
    }

    /// Claims once.
    pub(crate) async fn pick(&self, campaign: CampaignId) -> Result<Picked, StoreError> {
        self.dialing.claim(&self.request(campaign)).await
    }

    pub(crate) fn request(&self, campaign: CampaignId) -> ClaimRequest {
        ClaimRequest { node: self.node, campaign, headroom: HEADROOM }
    }

    /// Promotes and claims once.
    pub(crate) async fn claim(&self, campaign: CampaignId) -> Result<Box<Claimed>, Refused> {
        self.dialing.promote(campaign, 100).await.expect("a promotion");
        self.pick(campaign).await.expect("a claim").result
    }

    pub(crate) async fn dial(&self, claimed: &Claimed) -> Result<Result<LegId, DialRefusal>, StoreError> {
        let leg = LegId::generate();
        let invite = serde_json::json!({ "uri": "sip:+49@example.net" });
        let request = DialRequest { attempt: claimed.attempt, node: self.node, leg, invite };
        Ok(self.dialing.commit_dial(request).await?.map(|()| leg))
    }

    /// Claims and dials the next target, which must be possible.
    pub(crate) async fn dial_next(&self, campaign: CampaignId) -> (Box<Claimed>, LegId) {
        let claimed = self.claim(campaign).await.expect("a claim");
        let leg = self.dial(&claimed).await.expect("no fault").expect("a dial");
        (claimed, leg)
    }

    pub(crate) fn end(&self, claimed: &Claimed, reason: DisconnectionReason) -> AttemptEnd {
        AttemptEnd {
            attempt: claimed.attempt,
            node: self.node,
            reason,
            sip_code: Some(486),
            q850: None,
            retry_after: None,
            ended_by: EndedBy::Carrier,
            answered_by: None,
            immediate: false,
            technical: false,
            talked: None,
            callback_at: None,
        }
    }
}

impl World {
    pub(crate) async fn targets(&self, campaign: CampaignId) -> Vec<Target> {
        let mut tx = self.db.read().await.expect("a transaction");
        target::list(&mut tx, self.org, campaign, None, Page::first(1000)).await.expect("a page").items
    }
}

pub(crate) fn trunk_data(name: &str) -> TrunkData {
    TrunkData {
        name: name.to_owned(),
        host: "sip.example.net".to_owned(),
        port: Some(5060),
        transport: TrunkTransport::Udp,
        username: Some("user".to_owned()),
        password: Some("password".to_owned().into()),
        caller_ids: vec!["+493012345678".parse().expect("a number")],
        register: false,
        enabled: true,
        max_channels: 100,
        calls_per_minute: 6000,
        caller_id_calls_per_minute: None,
        caller_id_max_calls: None,
        inbound_assistant: None,
        identity_policy: IdentityPolicy::Record,
        attestation: SigningLevel::A,
        media: MediaTerms::default(),
        wording: Wording::default(),
        options_s: 0,
        signalling: Signalling::default(),
    }
}

pub(crate) fn assistant_definition(name: &str) -> Assistant {
    serde_json::from_value(serde_json::json!({
        "name": name,
        "flow": { "start": "bye", "nodes": [{ "id": "bye", "end": { "text": "Goodbye." } }] },
    }))
    .expect("an assistant")
}

pub(crate) fn contact_data(number: u32) -> ContactData {
    ContactData {
        name: format!("Zoë Ängström {number}").into(),
        phone: Some(format!("+4930{number:07}").parse::<callwright::campaign::phone::E164>().expect("a number").into()),
        variables: [("number".to_owned(), number.to_string())]
            .into_iter()
            .collect::<std::collections::BTreeMap<_, _>>()
            .into(),
        ..ContactData::default()
    }
}

/// The longest hours there are; [`noon`] makes sure they are open.
fn open_all_day() -> Schedule {
    Schedule { time_zone: "Europe/Berlin".to_owned(), ..Schedule::default() }
}

/// Moves the database's clock forward to the next moment at which the clocks of `zone` show this weekday and hour.
pub(crate) async fn weekday(db: &Db, zone: &str, weekday: jiff::civil::Weekday, hour: i8) {
    let now = db.read().await.expect("a transaction").now().await.expect("the time");
    let here = now.in_tz(zone).expect("a zone");
    let day = here.date().nth_weekday(1, weekday).expect("a day");
    let then = day.at(hour, 0, 0, 0).in_tz(zone).expect("a time");
    db.shift_clock(then.timestamp().as_microsecond() - now.as_microsecond());
}

/// Moves the database's clock to the next noon in Berlin.
pub(crate) async fn noon(db: &Db) {
    let now = db.read().await.expect("a transaction").now().await.expect("the time");
    let here = now.in_tz("Europe/Berlin").expect("a zone");
    let noon = here.with().hour(12).minute(0).second(0).subsec_nanosecond(0).build().expect("a time");
    let noon = if noon < here { noon.tomorrow().expect("a day") } else { noon };
    db.shift_clock(noon.timestamp().as_microsecond() - now.as_microsecond());
}
