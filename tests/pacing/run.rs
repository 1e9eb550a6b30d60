//! A run: carriers, a server, campaigns that dial as fast as they may, and what was seen of them.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use callwright::demo::client::Client;
use callwright::demo::contacts;
use callwright::demo::wire::Wire;
use callwright::id::{AttemptId, CampaignId, LegId, TrunkId};
use callwright::store::db::Settings;
use callwright::store::{Db, org};
use callwright::time;
use callwright::trunk::plan::leg_key;
use jiff::Timestamp;
use serde_json::json;

use crate::process::{Carrier, Home, Ports, unix};

/// SIP, REST and RTP ports, apart from each other. A port of RTP rests for half a minute after a call.
pub(crate) const PACING: Ports = Ports { http: 14_080..14_180, sip: 14_200..14_300, rtp_min: 27_000, rtp_max: 29_998 };
pub(crate) const SHARED: [Ports; 3] = [
    Ports { http: 16_080..16_180, sip: 16_200..16_300, rtp_min: 20_000, rtp_max: 21_998 },
    Ports { http: 16_380..16_480, sip: 16_500..16_600, rtp_min: 22_000, rtp_max: 23_998 },
    Ports { http: 16_680..16_780, sip: 16_800..16_900, rtp_min: 24_000, rtp_max: 25_998 },
];
pub(crate) const FAST: Ports = Ports { http: 14_380..14_480, sip: 14_500..14_600, rtp_min: 20_000, rtp_max: 26_998 };
pub(crate) const DETOURS: Ports = Ports { http: 14_980..15_080, sip: 15_100..15_200, rtp_min: 31_000, rtp_max: 31_998 };
pub(crate) const TROUBLES: Ports =
    Ports { http: 15_280..15_380, sip: 15_400..15_500, rtp_min: 32_000, rtp_max: 32_998 };
pub(crate) const SYNCED: Ports = Ports { http: 14_680..14_780, sip: 14_800..14_900, rtp_min: 30_000, rtp_max: 30_998 };

/// What is run.
pub(crate) struct Plan {
    /// Names its folder.
    pub(crate) name: &'static str,
    /// The rate that bounds all campaigns together: that of their trunk.
    pub(crate) calls_per_minute: u32,
    /// Campaigns on that trunk, each of which could take the whole rate.
    pub(crate) campaigns: usize,
    /// How long dials are watched.
    pub(crate) seconds: u32,
    /// Every so many contacts has a number at which the first carrier fails.
    pub(crate) failing: Option<usize>,
    /// The first carrier asks for credentials.
    pub(crate) challenge: bool,
    /// How the campaigns are stopped.
    pub(crate) halt: Halt,
}

/// What ends a run: after its answer no INVITE may leave.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Halt {
    /// Each campaign is paused.
    Pause,
    /// Each campaign is stopped.
    Stop,
    /// The whole organisation is stopped.
    Everything,
}

/// One INVITE: a leg as the database has it, and when it came to the carrier.
#[derive(Clone, Debug)]
pub(crate) struct Dialed {
    /// Which carrier, from 0.
    pub(crate) carrier: usize,
    pub(crate) campaign: CampaignId,
    pub(crate) attempt: AttemptId,
    pub(crate) to: String,
    /// Reserved moment and arrival, seconds since 1970 UTC.
    pub(crate) reserved: f64,
    pub(crate) arrived: f64,
    /// INVITE transactions with this Call-ID: one more than challenges.
    pub(crate) invites: u32,
    pub(crate) status: Option<u16>,
}

/// Everything that was seen.
pub(crate) struct Race {
    /// In the order of their arrival.
    pub(crate) dialed: Vec<Dialed>,
    /// INVITEs that belong to no leg on disk.
    pub(crate) strangers: usize,
    /// When the campaigns had been paused, seconds since 1970 UTC.
    pub(crate) paused: f64,
    folder: PathBuf,
}

impl Race {
    /// Runs a plan to its end, with a server for each of `ports`: on PostgreSQL at `database`, or a single one on SQLite.
    pub(crate) async fn run(plan: &Plan, database: Option<String>, ports: &[Ports]) -> Self {
        let folder = std::env::temp_dir().join(format!("callwright-{}-{}", plan.name, std::process::id()));
        let phones = numbers(plan);
        let mut carriers = Vec::new();
        for number in 0..2 {
            let own = folder.join(format!("carrier-{number}"));
            std::fs::create_dir_all(&own).expect("the temporary folder takes folders");
            let persona = |index: usize| match plan.failing {
                Some(every) if number == 0 && index.is_multiple_of(every) => "fails",
                Some(_) | None => "busy",
            };
            let table: BTreeMap<_, _> =
                phones.iter().enumerate().map(|(index, phone)| (phone.as_str(), persona(index))).collect();
            let personas = own.join("personas.json");
            std::fs::write(&personas, serde_json::to_vec(&table).expect("text")).expect("the folder takes files");
            let options: &[&str] = if number == 0 && plan.challenge { &["--challenge"] } else { &[] };
            carriers.push(Carrier::start_with(&own, &personas, 1, options).await);
        }
        let mut servers = Vec::new();
        let mut key = None;
        for (number, ports) in ports.iter().enumerate() {
            let own = folder.join(format!("server-{number}"));
            std::fs::create_dir_all(&own).expect("the temporary folder takes folders");
            let home = Home::new(own, database.clone(), ports);
            let mut server = home.start();
            server.up().await;
            // The first one makes the database, and prints its key.
            if key.is_none() {
                key = Some(server.key().await);
            }
            servers.push((home, server));
        }
        let home = servers[0].0.clone();
        let client = Client::new(home.http, key.expect("a first server").into());
        let campaigns = campaigns(&client, &carriers, plan, &phones).await.expect("campaigns");
        for campaign in &campaigns {
            client.post(&format!("/campaigns/{campaign}/start"), &json!({})).await.expect("it starts");
        }
        tokio::time::sleep(Duration::from_secs(plan.seconds.into())).await;
        let stops: Vec<String> = match plan.halt {
            Halt::Pause => campaigns.iter().map(|campaign| format!("/campaigns/{campaign}/pause")).collect(),
            Halt::Stop => campaigns.iter().map(|campaign| format!("/campaigns/{campaign}/stop")).collect(),
            Halt::Everything => vec!["/emergency-stop".to_owned()],
        };
        for stop in stops {
            client.post(&stop, &json!({})).await.expect("it stops");
        }
        let paused = unix();
        for (_, mut server) in servers {
            server.stop().await;
        }
        let logs: Vec<_> = carriers.iter().map(|carrier| carrier.log.clone()).collect();
        for carrier in carriers {
            carrier.stop().await;
        }
        Self::read(&home, &folder, &logs, paused).await
    }

    /// Matches what the carriers saw with the legs on disk. The server has ended: its database is free.
    async fn read(home: &Home, folder: &Path, logs: &[PathBuf], paused: f64) -> Self {
        let db = Db::open(&Settings::new(home.database())).await.expect("the server has let go of its database");
        let mut tx = db.begin().await.expect("a transaction");
        let secret = org::secrets(&mut tx, [[0; 32]; 2]).await.expect("the server made them").leg;
        let sql = "SELECT l.id, l.ordinal, l.sent_at, l.trunk_id, a.id AS attempt_id, a.campaign_id, a.send_at FROM leg l \
                   JOIN attempt a ON a.id = l.attempt_id";
        let mut legs = BTreeMap::new();
        for row in tx.all(sql, Vec::new()).await.expect("legs") {
            let leg: LegId = row.get("id").expect("an id");
            let ordinal: i64 = row.get("ordinal").expect("a number");
            // A first leg leaves when its attempt does, a further one has a moment of its own.
            let column = if ordinal == 1 { "send_at" } else { "sent_at" };
            let reserved: Timestamp = row.get(column).expect("a time");
            let attempt: AttemptId = row.get("attempt_id").expect("an id");
            let campaign: CampaignId = row.get("campaign_id").expect("an id");
            let _: TrunkId = row.get("trunk_id").expect("an id");
            let call_id = leg_key(&secret, leg).call_id(&home.sip.ip().to_string()).to_string();
            legs.insert(call_id, (reserved.as_microsecond() as f64 / 1e6, attempt, campaign));
        }
        let (mut dialed, mut strangers) = (Vec::new(), 0);
        for (carrier, log) in logs.iter().enumerate() {
            for call in Wire::read(log).expect("the carrier writes what can be read").calls {
                let Some((reserved, attempt, campaign)) = legs.get(&call.call_id).copied() else {
                    strangers += 1;
                    continue;
                };
                dialed.push(Dialed {
                    carrier,
                    campaign,
                    attempt,
                    to: call.to.expose().clone(),
                    reserved,
                    arrived: call.began,
                    invites: call.invites,
                    status: call.status,
                });
            }
        }
        dialed.sort_by(|a, b| a.arrived.total_cmp(&b.arrived));
        Self { dialed, strangers, paused, folder: folder.to_owned() }
    }
}

impl Drop for Race {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // A leftover in the temporary folder is no reason to fail.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Contacts for the whole time, and more: nobody runs out.
fn numbers(plan: &Plan) -> Vec<String> {
    let needed = plan.calls_per_minute as usize * plan.seconds as usize / 60 + 200;
    assert!(needed <= 10_000, "the range of numbers that belong to nobody");
    (0..needed).map(|number| format!("+44207946{number:04}")).collect()
}

/// A trunk per carrier and the campaigns, with the contacts dealt out among them; their ids.
async fn campaigns(
    client: &Client,
    carriers: &[Carrier],
    plan: &Plan,
    phones: &[String],
) -> anyhow::Result<Vec<String>> {
    let mut trunks = Vec::new();
    for (number, carrier) in carriers.iter().enumerate() {
        let trunk = json!({
            "name": format!("Carrier {number}"),
            "host": carrier.address.ip().to_string(),
            "port": carrier.address.port(),
            "caller_ids": ["+442079460999"],
            "username": "user",
            "password": "password",
            "max_channels": 400,
            "calls_per_minute": if number == 0 { plan.calls_per_minute } else { 6000 },
        });
        trunks.push(client.create("/trunks", &trunk).await?);
    }
    let assistant = json!({
        "name": "Short",
        "flow": { "start": "bye", "nodes": [{ "id": "bye", "end": { "text": "Goodbye." } }] },
    });
    let assistant = client.create("/assistants", &assistant).await?;
    let zones: Vec<_> = contacts::people(time::now().wall, false).iter().map(|person| person.zone).collect();
    let mut sheet = "phone,time_zone\n".to_owned();
    for (phone, zone) in phones.iter().zip(zones.iter().cycle()) {
        sheet.push_str(&format!("{phone},{zone}\n"));
    }
    let ids = client.import(sheet).await?;
    let ids = ids.as_array().cloned().unwrap_or_default();
    let mut campaigns = Vec::new();
    for number in 0..plan.campaigns {
        let settings =
            json!({ "calls_per_minute": plan.calls_per_minute, "max_concurrent_calls": 300, "max_retries": 0 });
        let campaign = json!({
            "name": format!("Campaign {number}"),
            "assistant_id": assistant,
            "trunk_id": trunks[0],
            "caller_id": "+442079460999",
            "settings": settings,
        });
        let campaign = client.create("/campaigns", &campaign).await?;
        if plan.failing.is_some() {
            client.put(&format!("/campaigns/{campaign}/trunks"), &json!({ "trunk_ids": [trunks[1]] })).await?;
        }
        let mine: Vec<_> = ids.iter().skip(number).step_by(plan.campaigns).collect();
        for part in mine.chunks(5_000) {
            client.post(&format!("/campaigns/{campaign}/contacts"), &json!({ "contact_ids": part })).await?;
        }
        campaigns.push(campaign);
    }
    Ok(campaigns)
}

/// Prints a line beside the test's own output.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
