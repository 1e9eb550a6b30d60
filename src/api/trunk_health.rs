//! How a trunk is doing: what keeps calls from it, and what they come to.

use axum::Json;
use axum::extract::State;
use callwright_sip::locate::Protocol;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::error::ApiError;
use super::paging::Id;
use super::trunks::{BreakerView, RegistrationView};
use crate::id::{NodeId, TrunkId};
use crate::store::dialing::{breaker, live_over};
use crate::store::trunk::{self, Trunk};
use crate::store::trunk_lease;
use crate::store::trunk_record::{self, TrunkRecord};
use crate::time;
use crate::trunk::breaker::BreakerState;
use crate::trunk::health::{Answering, Standing};
use crate::trunk::keeper;
use crate::trunk::route::Server;

/// How a trunk is doing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrunkHealth {
    /// The trunk.
    trunk_id: TrunkId,
    /// Whether calls may go over it.
    state: TrunkState,
    /// Why not, in words; absent while they may.
    reason: Option<String>,
    /// Until when at the latest, where that is known: then one call tries.
    until: Option<Timestamp>,
    /// Which node registers and asks by OPTIONS; absent where neither is asked for, or nobody does it now.
    kept_by: Option<KeptBy>,
    /// How our registration goes, as this node sees it. Another node may keep it: see `kept_by`.
    registration: RegistrationView,
    /// What its servers answer to OPTIONS, as this node sees it; the best of them counts.
    options: OptionsView,
    /// Its servers in the order in which a call tries them; empty when its host leads nowhere.
    servers: Vec<ServerView>,
    /// Why its host leads nowhere, in words; absent while it leads somewhere.
    host_fault: Option<String>,
    /// Whether calls go over it, as all nodes see it.
    breaker: BreakerView,
    /// How many calls it may start, and does.
    rate: RateView,
    /// How many calls are on it, in and out.
    channels: ChannelsView,
    /// Dials of the last hour.
    last_hour: RecordView,
    /// Dials of the last 24 hours.
    last_day: RecordView,
}

/// Whether calls may go over a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrunkState {
    /// They may.
    Up,
    /// It was left alone, and one call may try, or tries.
    Trying,
    /// It is left alone.
    Down,
    /// It is switched off.
    Off,
}

/// The node that keeps a trunk.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KeptBy {
    /// Its id.
    node_id: NodeId,
    /// Until when, unless it goes on, as it does every two seconds.
    until: Timestamp,
}

/// What servers answer to OPTIONS.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OptionsView {
    /// Seconds from one answer to the next question; 0 asks none.
    interval_s: u32,
    /// What they come to.
    state: Standing,
}

/// A server of a trunk.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ServerView {
    /// Its address and port.
    #[schema(examples("192.0.2.7:5060"))]
    address: String,
    /// What carries SIP there: `udp`, `tcp` or `tls`.
    transport: String,
    /// Whether a listener reaches it.
    reachable: bool,
    /// What it answers to OPTIONS.
    options: Standing,
    /// The answer that decided so; absent where it is not asked, or did not answer.
    options_status: Option<u16>,
    /// Since when it stands so; absent where it is not asked.
    options_since: Option<Timestamp>,
    /// A call failed there or it asked to be left alone: others go before it until then.
    avoided_until: Option<Timestamp>,
    /// Why the latest connection to it was not made, in words: a refusal, or what is wrong with its certificate.
    fault: Option<String>,
    /// When that was.
    fault_at: Option<Timestamp>,
}

/// The pace of a trunk.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RateView {
    /// Calls a minute that it is set to.
    calls_per_minute: u32,
    /// What its breaker leaves of them now.
    allowed_per_minute: f64,
    /// Calls that were started in the last minute, by all nodes.
    last_minute: u32,
}

/// The channels of a trunk.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChannelsView {
    /// Calls on it now, over all nodes.
    live: u32,
    /// Calls that it may have.
    most: u32,
}

/// What dials over a trunk have come to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecordView {
    /// Dials that are over or were answered. The latest 20,000 calls of all trunks are looked at.
    dials: u32,
    /// Those of them that were answered.
    answered: u32,
    /// Answer-seizure ratio: `answered` of `dials`, in percent; absent without dials.
    asr_percent: Option<f64>,
    /// Average call duration in seconds, over answered calls that are over; absent without any.
    acd_s: Option<f64>,
    /// Post-dial delay in milliseconds, from the INVITE to the first ring or the answer: half of the dials take no longer.
    pdd_p50_ms: Option<u64>,
    /// Nineteen of twenty dials take no longer.
    pdd_p95_ms: Option<u64>,
    /// When the first of these dials was made.
    since: Option<Timestamp>,
}

/// Read how a trunk is doing
///
/// What keeps calls from the trunk, with its reason and its end; its servers in the order in which calls try them, each with
/// what is wrong with it; its pace and channels against what is set; and what its dials of the last hour and day have come to.
#[utoipa::path(
    get, path = "/api/v1/trunks/{id}/health", tag = "trunks", params(("id" = TrunkId, Path)),
    responses((status = 200, body = TrunkHealth), (status = 404, body = super::Problem))
)]
pub async fn read(State(api): State<Api>, caller: Caller, Id(id): Id<TrunkId>) -> Result<Json<TrunkHealth>, ApiError> {
    let mut tx = api.db.read().await?;
    let trunk = trunk::get(&mut tx, caller.org, id).await?;
    let now = tx.now().await?;
    let breaker = breaker::read(&mut tx, id).await?;
    let kept_by = match keeper::account(&trunk) {
        Some(account) => trunk_lease::of(&mut tx, &account).await?,
        None => None,
    };
    let live = live_over(&mut tx, caller.org, id).await?;
    let hour = trunk_record::since(&mut tx, id, now - SignedDuration::from_hours(1)).await?;
    let day = trunk_record::since(&mut tx, id, now - SignedDuration::from_hours(24)).await?;
    let last_minute = trunk_record::started(&mut tx, id, now - SignedDuration::from_mins(1)).await?;
    drop(tx);
    // Nobody waits for the DNS with a transaction in hand.
    let (servers, host_fault) = match api.trunks.servers(time::now(), &trunk).await {
        Ok(servers) => (servers.iter().map(|server| server_view(&api, &trunk, server)).collect(), None),
        Err(fault) => (Vec::new(), Some(fault.to_string())),
    };
    let rate = RateView {
        calls_per_minute: trunk.data.calls_per_minute,
        allowed_per_minute: f64::from(trunk.data.calls_per_minute) * f64::from(breaker.share(now)) / 1000.0,
        last_minute,
    };
    let view = BreakerView::of(&breaker, now);
    let shut = breaker.shut(now);
    let because = breaker.opened().map(|(cause, ..)| cause.words().to_owned());
    let (state, reason) = match (trunk.data.enabled, breaker.standing(now)) {
        (false, _) => {
            (TrunkState::Off, Some("the trunk is switched off: set enabled to let calls go over it".to_owned()))
        }
        (true, BreakerState::Closed) => (TrunkState::Up, None),
        (true, BreakerState::HalfOpen) => (TrunkState::Trying, because),
        (true, BreakerState::Open) => (TrunkState::Down, because),
    };
    Ok(Json(TrunkHealth {
        trunk_id: id,
        state,
        reason,
        until: shut.map(|shut| shut.until),
        kept_by: kept_by.map(|lease| KeptBy { node_id: lease.node, until: lease.until }),
        registration: RegistrationView::of(api.trunks.status.report(id)),
        options: OptionsView { interval_s: trunk.data.options_s, state: api.trunks.status.healths().standing(id) },
        servers,
        host_fault,
        breaker: view,
        rate,
        channels: ChannelsView { live, most: trunk.data.max_channels },
        last_hour: hour.into(),
        last_day: day.into(),
    }))
}

fn server_view(api: &Api, trunk: &Trunk, server: &Server) -> ServerView {
    let now = time::now();
    let answering: Option<Answering> = server.flow.and_then(|flow| api.trunks.status.healths().of(trunk.id, &flow));
    let fault = api.trunks.faults.of(server.address);
    ServerView {
        address: server.address.to_string(),
        transport: word(server.protocol).to_owned(),
        reachable: server.flow.is_some(),
        options: answering.map(|answering| answering.standing).unwrap_or_default(),
        options_status: answering.and_then(|answering| answering.status),
        options_since: answering.map(|answering| answering.since),
        avoided_until: server.avoid_until.map(|until| now.wall_at(until)),
        fault: fault.as_ref().map(|fault| fault.why.clone()),
        fault_at: fault.map(|fault| fault.at),
    }
}

const fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Udp => "udp",
        Protocol::Tcp => "tcp",
        Protocol::Tls => "tls",
    }
}

impl From<TrunkRecord> for RecordView {
    fn from(record: TrunkRecord) -> Self {
        let TrunkRecord { dials, answered, talked, delay_p50, delay_p95, since } = record;
        let millis = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self {
            dials,
            answered,
            asr_percent: (dials > 0).then(|| (f64::from(answered) * 1000.0 / f64::from(dials)).round() / 10.0),
            acd_s: talked.map(|talked| (talked.as_secs_f64() * 10.0).round() / 10.0),
            pdd_p50_ms: delay_p50.map(millis),
            pdd_p95_ms: delay_p95.map(millis),
            since,
        }
    }
}
