//! Two scripted carriers, and which of them is asked for what: shares by weight, a number that does not exist confirmed
//! once, a carrier that asks to be left alone for two seconds, two servers of one carrier behind one name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use callwright::demo::client::Client;
use callwright::demo::contacts;
use callwright::demo::wire::{Wire, WireCall};
use callwright::time;
use callwright_loadtest::names::NameServer;
use serde_json::{Value, json};

use crate::process::{Carrier, Home, Ports};

/// Longest wait for the dials of a campaign.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the second carrier is asked to wait, in seconds, by the first one's Retry-After.
const RETRY_AFTER: f64 = 2.0;

/// Contacts, with what both carriers make of their numbers.
struct Script {
    first: &'static str,
    second: &'static str,
    count: usize,
}

struct Stage {
    client: Client,
    trunks: Vec<String>,
    assistant: String,
    logs: Vec<PathBuf>,
}

pub(crate) async fn run(ports: Ports) {
    let folder = std::env::temp_dir().join(format!("callwright-detours-{}", std::process::id()));
    let busy = |count| Script { first: "busy", second: "busy", count };
    let scripts = [
        busy(24),
        Script { first: "invalid", second: "invalid", count: 1 },
        Script { first: "invalid", second: "busy", count: 1 },
        Script { first: "unavailable", second: "busy", count: 1 },
        busy(9),
        Script { first: "unavailable", second: "busy", count: 1 },
        busy(2),
    ];
    let mut numbers = (0..).map(|number| format!("+44207946{number:04}"));
    let parts: Vec<Vec<String>> = scripts.iter().map(|script| numbers.by_ref().take(script.count).collect()).collect();
    let mut carriers = Vec::new();
    for which in 0..2 {
        let own = folder.join(format!("carrier-{which}"));
        std::fs::create_dir_all(&own).expect("the temporary folder takes folders");
        let mut table = BTreeMap::new();
        for (script, part) in scripts.iter().zip(&parts) {
            let persona = if which == 0 { script.first } else { script.second };
            table.extend(part.iter().map(|number| (number.clone(), persona)));
        }
        let personas = own.join("personas.json");
        std::fs::write(&personas, serde_json::to_vec(&table).expect("text")).expect("the folder takes files");
        carriers.push(Carrier::start(&own, &personas, 1).await);
    }
    let dns = NameServer::start(60).await.expect("a port");
    let mut home = Home::new(folder.clone(), None, &ports);
    home.dns = Some(dns.address);
    let mut server = home.start();
    server.up().await;
    let client = Client::new(home.http, server.key().await.into());
    let stage = Stage::new(client, &carriers).await.expect("trunks and an assistant");
    stage.weights_share_the_dials(&parts[0]).await.expect("a campaign");
    stage.a_number_is_confirmed_once(&parts[1][0], &parts[2][0]).await.expect("a campaign");
    stage.a_carrier_is_left_alone(&parts[3][0], &parts[4]).await.expect("a campaign");
    let servers = ["a.pair.test", "b.pair.test"].map(|name| {
        dns.host(name, &[carriers[0].address.ip()]);
        name
    });
    let server_at = |index: usize| (1, 0, carriers[index].address.port(), servers[index]);
    let in_order = [server_at(0), (2, 0, server_at(1).2, server_at(1).3)];
    dns.service("_sip._udp.pair.test", &in_order).expect("names");
    stage.servers_behind_a_name_are_tried_in_order("pair.test", &parts[5][0], &parts[6]).await.expect("a campaign");
    server.stop().await;
    for carrier in carriers {
        carrier.stop().await;
    }
    // A leftover in the temporary folder is no reason to fail.
    let _ = std::fs::remove_dir_all(folder);
}

impl Stage {
    async fn new(client: Client, carriers: &[Carrier]) -> anyhow::Result<Self> {
        let mut trunks = Vec::new();
        for carrier in carriers {
            let trunk = json!({ "name": carrier.address.to_string(), "host": carrier.address.ip().to_string(),
                                "port": carrier.address.port(), "caller_ids": ["+442079460999"],
                                "max_channels": 100, "calls_per_minute": 6000 });
            trunks.push(client.create("/trunks", &trunk).await?);
        }
        let flow = json!({ "start": "bye", "nodes": [{ "id": "bye", "end": { "text": "Goodbye." } }] });
        let assistant = client.create("/assistants", &json!({ "name": "Short", "flow": flow })).await?;
        let logs = carriers.iter().map(|carrier| carrier.log.clone()).collect();
        Ok(Self { client, trunks, assistant, logs })
    }

    /// Starts a campaign over both trunks for these numbers, in this order.
    async fn start(&self, trunks: &Value, calls_per_minute: u32, numbers: &[String]) -> anyhow::Result<()> {
        let settings = json!({ "max_retries": 0, "calls_per_minute": calls_per_minute, "max_concurrent_calls": 50 });
        let campaign = json!({ "name": "Detours", "assistant_id": self.assistant, "trunk_id": self.trunks[0],
                               "settings": settings });
        let campaign = self.client.create("/campaigns", &campaign).await?;
        self.client.put(&format!("/campaigns/{campaign}/trunks"), trunks).await?;
        let zone = contacts::people(time::now().wall, false)[0].zone;
        let mut sheet = "phone,time_zone\n".to_owned();
        for number in numbers {
            sheet.push_str(&format!("{number},{zone}\n"));
        }
        let ids = self.client.import(sheet).await?;
        self.client.post(&format!("/campaigns/{campaign}/contacts"), &json!({ "contact_ids": ids })).await?;
        self.client.post(&format!("/campaigns/{campaign}/start"), &json!({})).await?;
        Ok(())
    }

    /// What a carrier saw of these numbers.
    fn seen(&self, carrier: usize, numbers: &[String]) -> Vec<WireCall> {
        let wire = Wire::read(&self.logs[carrier]).expect("the carrier writes what can be read");
        let mut calls = wire.calls;
        calls.retain(|call| numbers.contains(call.to.expose()));
        calls
    }

    /// Waits until both carriers together have ended so many calls to these numbers; what each saw.
    async fn ended(&self, numbers: &[String], calls: usize) -> [Vec<WireCall>; 2] {
        let began = time::now().mono;
        loop {
            let seen = [self.seen(0, numbers), self.seen(1, numbers)];
            let over = seen.iter().flatten().filter(|call| call.status.is_some()).count();
            if over >= calls {
                return seen;
            }
            assert!(time::now().mono < began + PATIENCE, "{over} of {calls} calls: {seen:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Three of four dials go over the first trunk.
    async fn weights_share_the_dials(&self, numbers: &[String]) -> anyhow::Result<()> {
        let share =
            |index: usize, weight: u32| json!({ "trunk_id": self.trunks[index], "priority": 1, "weight": weight });
        self.start(&json!({ "shares": [share(0, 3), share(1, 1)] }), 1200, numbers).await?;
        let seen = self.ended(numbers, numbers.len()).await;
        // A dial that a busy machine took back is dialed again, and was counted before.
        let second = seen[1].len();
        assert!((5..=7).contains(&second), "{} and {second} dials", seen[0].len());
        assert_eq!(seen[0].len() + second, numbers.len(), "each once");
        Ok(())
    }

    /// 404: the other carrier is asked once, and what it says stands.
    async fn a_number_is_confirmed_once(&self, nobody: &String, somebody: &String) -> anyhow::Result<()> {
        let numbers = [nobody.clone(), somebody.clone()];
        self.start(&json!({ "trunk_ids": [self.trunks[1]] }), 600, &numbers).await?;
        self.ended(&numbers, 4).await;
        let statuses = |carrier, number: &String| -> Vec<_> {
            self.seen(carrier, std::slice::from_ref(number)).iter().map(|call| call.status).collect()
        };
        assert_eq!([statuses(0, nobody), statuses(1, nobody)], [[Some(404)], [Some(404)]]);
        assert_eq!([statuses(0, somebody), statuses(1, somebody)], [[Some(404)], [Some(486)]]);
        for (number, reason) in [(nobody, "invalid_phone_number"), (somebody, "dial_busy")] {
            let call = self.call(number).await?;
            assert_eq!(call["reason"], reason, "{call}");
        }
        Ok(())
    }

    /// The record of the one call to a number.
    async fn call(&self, number: &str) -> anyhow::Result<Value> {
        let began = time::now().mono;
        loop {
            let calls = self.client.get("/calls?limit=100").await?;
            let mut items = calls["items"].as_array().into_iter().flatten().filter(|call| call["to"] == number);
            if let Some(call) = items.next() {
                anyhow::ensure!(items.next().is_none(), "one record");
                return Ok(call.clone());
            }
            anyhow::ensure!(time::now().mono < began + PATIENCE, "no record of a call: {calls}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// 503 with Retry-After: that dial and the next ones go over the other trunk, until the time is over.
    async fn a_carrier_is_left_alone(&self, refused: &String, others: &[String]) -> anyhow::Result<()> {
        let mut numbers = vec![refused.clone()];
        numbers.extend_from_slice(others);
        self.start(&json!({ "trunk_ids": [self.trunks[1]] }), 120, &numbers).await?;
        let [first, second] = self.ended(&numbers, numbers.len() + 1).await;
        let alone = |call: &&WireCall| call.to.expose() == refused;
        let from = first.iter().find(alone).and_then(|call| call.ended).expect("it was refused");
        assert!(
            second.iter().find(alone).is_some_and(|call| call.began > from),
            "the dial goes on over the other trunk"
        );
        let within = |calls: &[WireCall]| {
            calls.iter().filter(|call| call.began > from && call.began < from + RETRY_AFTER).count()
        };
        // One may have been on its way, and one about to leave.
        assert!(within(&first) <= 2, "{} dials over a trunk that asked to be left alone", within(&first));
        assert!(second.len() > 1, "nobody was dialed meanwhile");
        let later = first.iter().filter(|call| call.began >= from + RETRY_AFTER).count();
        assert!(later > 0, "the trunk is used again");
        Ok(())
    }

    /// 503 from the first server of a carrier: that dial goes on to the second one, and so do the next ones while the first
    /// asks to be left alone. The carrier itself is fine.
    async fn servers_behind_a_name_are_tried_in_order(
        &self,
        host: &str,
        refused: &str,
        others: &[String],
    ) -> anyhow::Result<()> {
        let trunk = json!({ "name": host, "host": host, "caller_ids": ["+442079460999"], "max_channels": 100,
                            "calls_per_minute": 6000 });
        let trunk = self.client.create("/trunks", &trunk).await?;
        let (client, assistant) = (self.client.clone(), self.assistant.clone());
        let pair = Self { client, trunks: vec![trunk.clone()], assistant, logs: self.logs.clone() };
        let mut numbers = vec![refused.to_owned()];
        numbers.extend_from_slice(others);
        pair.start(&json!({ "trunk_ids": [] }), 120, &numbers).await?;
        let [first, second] = pair.ended(&numbers, numbers.len() + 1).await;
        let statuses = |calls: &[WireCall]| calls.iter().map(|call| call.status).collect::<Vec<_>>();
        assert_eq!((statuses(&first), second.len()), (vec![Some(503)], numbers.len()), "{first:?} {second:?}");
        assert!(second.iter().all(|call| call.status == Some(486)), "{second:?}");
        assert_ne!(first[0].call_id, second[0].call_id, "a leg of its own");
        assert_eq!(pair.call(refused).await?["reason"], "dial_busy");
        let shown = self.client.get(&format!("/trunks/{trunk}")).await?;
        assert_eq!((&shown["breaker"]["state"], &shown["breaker"]["rate_percent"]), (&json!("closed"), &json!(100.0)));
        Ok(())
    }
}
