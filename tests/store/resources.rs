//! Rows that people and programs make, read and change.

use std::time::Duration;

use callwright::agent::assistant::Disclosure;
use callwright::agent::manners::disclosure::Disclosed;
use callwright::agent::record::{Answer, AnswerStatus, AnswerValue, Channel, Line, LookUp, Speaker, TurnTiming};
use callwright::call::quality::{HeardAudio, MediaQuality, ReportedAudio, RoundTripMs, SaidAudio};
use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::run::{Day, Days, Run};
use callwright::campaign::settings::Settings;
use callwright::campaign::states::{AnsweredBy, CampaignState, EndedBy, PauseReason, TargetState};
use callwright::campaign::transfer::TransferWay;
use callwright::id::{CallId, ContactId, OrgId};
use callwright::pii::Pii;
use callwright::stir::passport::Attestation;
use callwright::stir::verdict::{CallerIdentity, IdentityStatus};
use callwright::store::api_key::Revoked;
use callwright::store::audit::{self, Actor};
use callwright::store::call::{self, Call, Conversation, Direction, Recording, Transfer};
use callwright::store::campaign::{self, Move};
use callwright::store::suppression::{self, SuppressionSource};
use callwright::store::target::{Act, Entry};
use callwright::store::{Constraint, Page, StoreError, api_key, assistant, contact, org, target, trunk};
use callwright::trunk::callers::{Arrival, Diversion};

use crate::db::TestDb;
use crate::world::{World, assistant_definition, contact_data, trunk_data};

crate::on_both!(
    organisation_and_secrets_are_made_once,
    keys_authenticate_until_revoked,
    contacts_are_found_paged_and_changed,
    imports_know_their_numbers,
    suppressed_numbers_are_kept_as_hashes,
    trunks_change_by_version,
    assistants_keep_their_versions,
    campaigns_move_by_compare_and_set,
    a_day_belongs_to_one_run,
    targets_are_added_once_and_counted,
    targets_are_held_and_restarted,
    calls_come_back_as_they_were,
);

async fn organisation_and_secrets_are_made_once(test: TestDb) {
    let first = World::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let again = org::ensure_default(&mut tx).await.expect("the organisation");
    assert_eq!(again.id, first.org);
    let secrets = org::secrets(&mut tx, [[3; 32], [4; 32]]).await.expect("secrets");
    assert_eq!(secrets.leg, [2; 32], "the first ones stay");
    let number = "+4930901820".parse().expect("a number");
    assert_eq!(secrets.phone.hash(&number), first.key.hash(&number));
    org::set_limits(&mut tx, first.org, 60, 7).await.expect("limits");
    assert_eq!(org::ensure_default(&mut tx).await.expect("the organisation").max_concurrent_calls, 7);
    let nobody = org::set_limits(&mut tx, OrgId::generate(), 60, 7).await;
    assert!(matches!(nobody, Err(StoreError::NotFound)), "{nobody:?}");
}

async fn keys_authenticate_until_revoked(test: TestDb) {
    let world = World::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let scopes = ["calls:read".to_owned()];
    let made = api_key::insert(&mut tx, world.org, "console", &scopes, "cw_secret").await.expect("a key");
    assert_eq!(api_key::authenticate(&mut tx, "cw_secret").await.expect("known"), made);
    let wrong = api_key::authenticate(&mut tx, "cw_Secret").await;
    assert!(matches!(wrong, Err(StoreError::NotFound)), "{wrong:?}");
    let actor = Actor::system("test");
    let admin = api_key::insert(&mut tx, world.org, "other", &["admin".to_owned()], "cw_other").await.expect("a key");
    for (key, want) in [(made.id, Revoked::Gone), (admin.id, Revoked::LastAdmin)] {
        let told = api_key::revoke(&mut tx, world.org, key, &actor).await.expect("an answer");
        assert_eq!(told, want, "somebody has to be able to make another");
        let stays = api_key::in_force(&mut tx, key).await.expect("an answer");
        assert_eq!(stays, want == Revoked::LastAdmin);
    }
    let revoked = api_key::authenticate(&mut tx, "cw_secret").await;
    assert!(matches!(revoked, Err(StoreError::NotFound)), "{revoked:?}");
    assert_eq!(api_key::list(&mut tx, world.org, Page::first(10)).await.expect("a page").items, [admin]);
    let twice = api_key::insert(&mut tx, world.org, "again", &scopes, "cw_secret").await;
    assert!(matches!(twice, Err(StoreError::Conflict(Constraint::ApiKeyHash))), "{twice:?}");
}

async fn contacts_are_found_paged_and_changed(test: TestDb) {
    let world = World::new(&test.db).await;
    let ids = world.contacts(100, 1203).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let mut seen = Vec::new();
    let mut page = Page { after: None, limit: 500, newest_first: false };
    loop {
        let listing = contact::list(&mut tx, world.org, None, page).await.expect("a page");
        seen.extend(listing.items.iter().map(|contact| contact.id));
        match listing.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, ids, "every contact once, in the order of creation");
    let newest = contact::list(&mut tx, world.org, None, Page { after: None, limit: 1, newest_first: true }).await;
    assert_eq!(newest.expect("a page").items[0].id, ids[1202]);
    for (words, count) in [("zoë ÄNGSTRÖM 1302", 1), ("+49300000100", 1), ("%", 0), ("_", 0), ("ängström 12", 110)]
    {
        let found = contact::list(&mut tx, world.org, Some(words), Page::first(1000)).await.expect("a page");
        assert_eq!(found.items.len(), count, "{words}");
    }
    let mut data = contact_data(7);
    data.zone = Some("America/New_York".to_owned());
    contact::update(&mut tx, world.org, &world.key, ids[0], &data).await.expect("an update");
    assert_eq!(contact::get(&mut tx, world.org, ids[0]).await.expect("the contact").data, data);
    let foreign = contact::get(&mut tx, OrgId::generate(), ids[0]).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)), "{foreign:?}");
    contact::delete(&mut tx, world.org, ids[0]).await.expect("a deletion");
    let gone = contact::get(&mut tx, world.org, ids[0]).await;
    assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
}

async fn imports_know_their_numbers(test: TestDb) {
    let world = World::new(&test.db).await;
    world.contacts(1, 3).await;
    let hash = |number: &str| world.key.hash(&number.parse().expect("a number"));
    let asked = [hash("+49300000002"), hash("+49300000009"), hash("+49300000001")];
    let mut tx = test.db.read().await.expect("a transaction");
    let mut known = contact::known_phones(&mut tx, world.org, &asked).await.expect("an answer");
    known.sort();
    let mut want = vec![asked[0].clone(), asked[2].clone()];
    want.sort();
    assert_eq!(known, want);
}

async fn suppressed_numbers_are_kept_as_hashes(test: TestDb) {
    let world = World::new(&test.db).await;
    let hash = world.key.hash(&"+4930901820".parse().expect("a number"));
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    let made = suppression::insert(&mut tx, world.org, &hash, SuppressionSource::Manual, "asked by mail").await;
    let made = made.expect("an entry");
    assert_eq!(suppression::of_number(&mut tx, world.org, &hash).await.expect("an answer"), Some(made.clone()));
    assert_eq!(suppression::of_number(&mut tx, OrgId::generate(), &hash).await.expect("an answer"), None);
    suppression::delete(&mut tx, world.org, made.id).await.expect("a deletion");
    assert_eq!(suppression::list(&mut tx, world.org, Page::first(1)).await.expect("a page").items, []);
    suppression::insert(&mut tx, world.org, &hash, SuppressionSource::DncList, "").await.expect("an entry");
    let twice = suppression::insert(&mut tx, world.org, &hash, SuppressionSource::SpokenOptOut, "").await;
    assert!(matches!(twice, Err(StoreError::Conflict(Constraint::SuppressionNumber))), "{twice:?}");
}

async fn trunks_change_by_version(test: TestDb) {
    let world = World::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let mut data = trunk_data("carrier");
    data.port = None;
    data.password = None;
    data.caller_id_calls_per_minute = Some(12);
    assert_eq!(trunk::update(&mut tx, world.org, world.trunk, 1, &data).await.expect("an update"), 2);
    let stale = trunk::update(&mut tx, world.org, world.trunk, 1, &data).await;
    assert!(matches!(stale, Err(StoreError::Stale)), "{stale:?}");
    let read = trunk::get(&mut tx, world.org, world.trunk).await.expect("the trunk");
    assert_eq!((read.version, read.data.port, read.data.caller_ids), (2, None, data.caller_ids.clone()));
    assert_eq!((read.data.password.is_none(), read.data.caller_id_calls_per_minute), (true, Some(12)));
    assert_eq!(trunk::list(&mut tx, None, Page::first(5)).await.expect("a page").items.len(), 1);
    let twice = trunk::insert(&mut tx, world.org, trunk_data("carrier")).await;
    assert!(matches!(twice, Err(StoreError::Conflict(Constraint::TrunkName))), "{twice:?}");
}

async fn assistants_keep_their_versions(test: TestDb) {
    let world = World::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let first = assistant::get(&mut tx, world.org, world.assistant).await.expect("the assistant").current;
    let renamed = assistant_definition("Renamed");
    let second = assistant::update(&mut tx, world.org, world.assistant, 1, renamed.clone()).await.expect("a version");
    assert_eq!((second.version, &second.definition), (2, &renamed));
    assert_eq!(assistant::version(&mut tx, first.id).await.expect("the first"), first);
    let listed = assistant::list(&mut tx, world.org, Page::first(5)).await.expect("a page");
    assert_eq!(listed.items[0].current, second);
    let stale = assistant::update(&mut tx, world.org, world.assistant, 1, renamed).await;
    assert!(matches!(stale, Err(StoreError::Stale)), "{stale:?}");
    let twice = assistant::insert(&mut tx, world.org, assistant_definition("Renamed")).await;
    assert!(matches!(twice, Err(StoreError::Conflict(Constraint::AssistantName))), "{twice:?}");
}

async fn campaigns_move_by_compare_and_set(test: TestDb) {
    let world = World::new(&test.db).await;
    let draft = world.draft("Spring", Settings::default()).await;
    let running = world.advance(&draft, CampaignState::InProgress).await;
    assert_eq!((running.state, running.version), (CampaignState::InProgress, 2));
    assert!(running.started_at.is_some() && running.ended_at.is_none());
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    let actor = Actor::system("test");
    let pause = Move { to: CampaignState::Paused, pause_reason: Some(PauseReason::TrunkDown) };
    let late = campaign::advance(&mut tx, &draft, &actor, pause).await;
    assert!(matches!(late, Err(StoreError::Stale)), "{late:?}");
    campaign::advance(&mut tx, &running, &actor, pause).await.expect("a pause");
    let paused = campaign::get(&mut tx, world.org, draft.id).await.expect("the campaign");
    assert_eq!(paused.pause_reason, Some(PauseReason::TrunkDown));
    let mut data = paused.data.clone();
    data.settings.max_retries = 9;
    data.name = "Autumn".to_owned();
    data.disclosure = Disclosure { ai: true, ai_text: Some("A robot.".to_owned().into()), ..Disclosure::default() };
    campaign::update(&mut tx, &paused, &actor, &data).await.expect("an update");
    let stale = campaign::update(&mut tx, &paused, &actor, &data).await;
    assert!(matches!(stale, Err(StoreError::Stale)), "{stale:?}");
    assert_eq!(campaign::get(&mut tx, world.org, draft.id).await.expect("the campaign").data, data);
    let subject = ("campaign", draft.id.to_string());
    let entries = audit::list(&mut tx, world.org, subject, Page::first(10)).await.expect("a page").items;
    let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["campaign.create", "campaign.move", "campaign.round", "campaign.move", "campaign.update"]);
    assert_eq!(entries[4].detail, serde_json::json!({ "changed": ["name", "settings", "disclosure"] }));
    assert_eq!(campaign::in_progress(&mut tx).await.expect("campaigns"), []);
    let paused = campaign::list(&mut tx, world.org, Some(CampaignState::Paused), Page::first(10)).await;
    assert_eq!(paused.expect("a page").items.len(), 1);
}

async fn a_day_belongs_to_one_run(test: TestDb) {
    let world = World::new(&test.db).await;
    let monday = Run { days: Days::Weekdays([Day::Monday].into()), ..Run::default() };
    let mut data = world.campaign_data("Twice", Settings::default());
    data.schedule.runs = vec![monday.clone(), monday];
    let mut tx = test.db.begin().await.expect("a transaction");
    let twice = campaign::insert(&mut tx, world.org, &Actor::system("test"), data).await;
    assert!(matches!(twice, Err(StoreError::Conflict(Constraint::RunDay))), "{twice:?}");
}

async fn targets_are_added_once_and_counted(test: TestDb) {
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 1005).await;
    let draft = world.draft("Spring", Settings::default()).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let high = Entry { priority: 3, ..Entry::default() };
    assert_eq!(target::add(&mut tx, world.org, draft.id, &contacts[..5], high).await.expect("targets"), 5);
    assert_eq!(target::add(&mut tx, world.org, draft.id, &contacts, Entry::default()).await.expect("targets"), 1000);
    let mut with_stranger = contacts[..2].to_vec();
    with_stranger.push(ContactId::generate());
    let stranger = target::add(&mut tx, world.org, draft.id, &with_stranger, Entry::default()).await;
    assert!(matches!(stranger, Err(StoreError::NotFound)), "{stranger:?}");
    let progress = campaign::progress(&mut tx, draft.id).await.expect("progress");
    assert_eq!((progress.total, progress.pending), (1005, 1005));
    let page = Page::first(5);
    let waiting = target::list(&mut tx, world.org, draft.id, Some(TargetState::Waiting), page).await.expect("a page");
    assert_eq!(waiting.items.iter().map(|target| target.priority).collect::<Vec<_>>(), [3; 5]);
    assert_eq!(waiting.items[0].contact, contacts[0]);
    assert!(waiting.next.is_some());
    let in_use = contact::delete(&mut tx, world.org, contacts[0]).await;
    assert!(matches!(in_use, Err(StoreError::Conflict(Constraint::Reference))), "{in_use:?}");
}

async fn targets_are_held_and_restarted(test: TestDb) {
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 1).await;
    let draft = world.draft("Spring", Settings::default()).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    target::add(&mut tx, world.org, draft.id, &contacts, Entry::default()).await.expect("a target");
    let listed = target::list(&mut tx, world.org, draft.id, None, Page::first(1)).await.expect("a page");
    let id = listed.items[0].id;
    let actor = Actor::system("test");
    let waiting = target::act(&mut tx, world.org, &actor, id, Act::Restart).await.expect("an answer");
    assert!(waiting.is_err(), "nothing to restart: {waiting:?}");
    let held = target::act(&mut tx, world.org, &actor, id, Act::Suspend).await.expect("an answer");
    assert_eq!(held, Ok((draft.id, TargetState::Suspended)));
    let twice = target::act(&mut tx, world.org, &actor, id, Act::Suspend).await.expect("an answer");
    assert!(twice.is_err(), "{twice:?}");
    target::act(&mut tx, world.org, &actor, id, Act::Resume).await.expect("an answer").expect("resumed");
    let resumed = target::get(&mut tx, world.org, id).await.expect("the target");
    assert_eq!((resumed.state, resumed.round), (TargetState::Waiting, 1), "the same round goes on");
    let removed = target::act(&mut tx, world.org, &actor, id, Act::Remove).await.expect("an answer");
    assert_eq!(removed, Ok((draft.id, TargetState::Removed)));
    let trail = audit::list(&mut tx, world.org, ("target", id.to_string()), Page::first(9)).await.expect("a page");
    let actions: Vec<_> = trail.items.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["target.suspend", "target.resume", "target.remove"], "refusals leave no trace");
    let progress = campaign::progress(&mut tx, draft.id).await.expect("progress");
    assert_eq!((progress.total, progress.by_state[&TargetState::Removed]), (0, 1));
}

async fn calls_come_back_as_they_were(test: TestDb) {
    let world = World::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let now = tx.now().await.expect("the time");
    let heard = HeardAudio {
        packets: 1_450,
        lost: 3,
        late: 1,
        foreign: 2,
        dropped: 0,
        overrun: 6,
        jitter_ms: 1.5,
        jitter_peak_ms: 12.25,
        buffer_ms: 20.0,
        concealed_ms: 60,
        mos: Some(4.25),
    };
    let reported = ReportedAudio { lost: 5, worst_loss_percent: 0.5, jitter_ms: 2.0, jitter_peak_ms: 3.5 };
    let quality = MediaQuality {
        codec: "PCMA".to_owned(),
        encrypted: true,
        heard,
        said: SaidAudio { packets: 1_448, reported: Some(reported), mos: None },
        round_trip: Some(RoundTripMs { mean_ms: 40.5, most_ms: 81.0 }),
    };
    let call = Call {
        id: CallId::generate(),
        org: world.org,
        direction: Direction::Inbound,
        campaign: None,
        target: None,
        attempt: None,
        contact: None,
        assistant_version: None,
        trunk: Some(world.trunk),
        from: "+4930901820".to_owned().into(),
        to: "anonymous".to_owned().into(),
        started_at: now,
        answered_at: Some(now + Duration::from_secs(1)),
        ended_at: now + Duration::from_secs(30),
        reason: DisconnectionReason::UserHangup,
        sip_code: Some(200),
        q850: Some(16),
        ended_by: Some(EndedBy::Contact),
        answered_by: Some(AnsweredBy::Human),
        recording: Some(Recording { path: "2026/11/a.wav".to_owned(), ms: 29_000 }),
        recording_fault: None,
        success: false,
        interrupted: false,
        replay: Some("2026/11/a.replay.gz".to_owned()),
        transfer: Some(Transfer {
            to: "+4930901820".to_owned().into(),
            way: TransferWay::Warm,
            at: "2026-11-21T10:00:20Z".parse().expect("a time"),
        }),
        identity: Some(CallerIdentity {
            status: IdentityStatus::Verified,
            attestation: Some(Attestation::B),
            fault: None,
            origid: Some("123e4567-e89b-12d3-a456-426655440000".to_owned()),
            signer: Some("1234".to_owned()),
        }),
        arrival: Arrival {
            caller: None,
            withheld: true,
            diversion: Some(Diversion {
                first_called: Some(Pii::new("+4930901821".parse().expect("a number"))),
                reason: "no-answer".to_owned(),
            }),
        },
        quality: Some(quality),
    };
    let answer = Answer {
        name: "interest".to_owned(),
        status: AnswerStatus::Answered,
        value: Some(AnswerValue::Choice("yes".to_owned())),
        channel: Some(Channel::Voice),
        confidence: Some(0.75),
        attempts: 2,
        at_ms: 9000,
    };
    let conversation = Conversation {
        transcript: vec![
            Line {
                speaker: Speaker::Agent,
                text: "Are you interested?".to_owned().into(),
                from_ms: 1,
                to_ms: 2000,
                cut: true,
                keys: false,
                passages: vec!["Handbook › Parking".to_owned(), "Prices".to_owned()],
            },
            Line {
                speaker: Speaker::Caller,
                text: "1".to_owned().into(),
                from_ms: 2,
                to_ms: 3,
                cut: false,
                keys: true,
                passages: Vec::new(),
            },
        ],
        answers: vec![answer.clone(), Answer { value: None, channel: None, confidence: None, ..answer }],
        turns: vec![TurnTiming {
            at_ms: 8000,
            decided: Duration::from_micros(200_001),
            understood: Duration::from_millis(300),
            replied: Duration::from_millis(480),
            first_token: Some(Duration::from_millis(350)),
            first_sentence: Some(Duration::from_millis(380)),
            first_audio: Some(Duration::from_millis(450)),
            talk_over: None,
            look_up: Some(LookUp::Found),
            looked_up: Some(Duration::from_micros(212_345)),
        }],
        disclosed: Disclosed { ai_ms: Some(2_100), recording_ms: None, refused_ms: Some(900) },
    };
    call::insert(&mut tx, &call, &conversation).await.expect("a record");
    assert_eq!(call::get(&mut tx, world.org, call.id).await.expect("the call"), call);
    assert_eq!(call::conversation(&mut tx, call.id).await.expect("the conversation"), conversation);
    assert_eq!(call::list(&mut tx, world.org, None, Page::first(5)).await.expect("a page").items, [call]);
}
