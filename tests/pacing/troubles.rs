//! A campaign over two trunks whose first carrier is in trouble: what is dialed where and when, as both carriers saw it.

use std::time::Duration;

use callwright::demo::client::Client;
use callwright::demo::contacts;
use callwright::demo::wire::{Wire, WireCall};
use callwright::time;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::process::{Carrier, Home, Ports};
use crate::troubled::{Arrival, Trouble, Troubled, Trust};

/// Longest wait for the records of a case: an INVITE that stays without answer fails after 32 s.
const PATIENCE: Duration = Duration::from_secs(60);
/// A dial that goes on to another trunk is there this soon after the first one was refused.
const SOON: f64 = 1.5;

/// What one trouble leads to.
struct Case {
    name: &'static str,
    trouble: Trouble,
    /// Contacts, dialed half a second after each other.
    contacts: usize,
    /// Calls that the first carrier saw of them, and with how many INVITEs each.
    first: usize,
    invites: usize,
    /// Calls that the second carrier saw of them.
    second: usize,
    /// What is in the record of each call.
    reason: &'static str,
    /// Who sees the next contact's INVITE, once those calls are over.
    next: Next,
}

/// Which carriers see the next contact's INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    None,
    First,
    Second,
    Both,
}

/// 4.1.5: another trunk is asked only where nothing was written or a status says so; what may have rung stays alone.
const CASES: [Case; 8] = [
    Case {
        name: "503 with Retry-After",
        trouble: Trouble::Answers(&[("503 Service Unavailable", "Retry-After: 60\r\n")]),
        contacts: 1,
        first: 1,
        invites: 1,
        second: 1,
        reason: "dial_busy",
        next: Next::Second,
    },
    Case {
        name: "500 once",
        trouble: Trouble::Answers(&[("500 Server Internal Error", "")]),
        contacts: 1,
        first: 1,
        invites: 1,
        second: 1,
        reason: "dial_busy",
        next: Next::Both,
    },
    Case {
        name: "silence, three times",
        trouble: Trouble::Silence,
        contacts: 3,
        first: 3,
        // RFC 3261 17.1.1.2: at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s.
        invites: 7,
        second: 0,
        reason: "dial_failed",
        next: Next::Second,
    },
    Case {
        name: "nobody listens",
        trouble: Trouble::Closed,
        contacts: 1,
        first: 0,
        invites: 0,
        second: 1,
        reason: "dial_busy",
        next: Next::Second,
    },
    Case {
        name: "TLS is reset before it is agreed on",
        trouble: Trouble::ResetsTls,
        contacts: 1,
        first: 0,
        invites: 0,
        second: 1,
        reason: "dial_busy",
        next: Next::Second,
    },
    Case {
        name: "TLS is reset after the INVITE",
        trouble: Trouble::ResetsAfterInvite,
        contacts: 1,
        first: 1,
        invites: 1,
        second: 0,
        reason: "dial_failed",
        next: Next::First,
    },
    Case {
        name: "403 for five numbers",
        trouble: Trouble::Answers(&[("403 Forbidden", "")]),
        contacts: 5,
        first: 5,
        invites: 1,
        second: 0,
        reason: "telephony_provider_permission_denied",
        next: Next::Second,
    },
    Case {
        name: "rings, then 480",
        trouble: Trouble::Answers(&[("180 Ringing", ""), ("480 Temporarily Unavailable", "")]),
        contacts: 1,
        first: 1,
        invites: 1,
        second: 0,
        reason: "dial_no_answer",
        next: Next::First,
    },
];

/// What all cases share.
struct Stage {
    client: Client,
    assistant: String,
    second: Carrier,
    second_trunk: String,
}

pub(crate) async fn run(ports: Ports) {
    let folder = tempfile::tempdir().expect("a folder");
    let trust = Trust::new(folder.path());
    let numbers = |case: usize| (case * 20..case * 20 + 10).map(|number| format!("+44207946{number:04}")).collect();
    let numbers: Vec<Vec<String>> = (0..CASES.len()).map(numbers).collect();
    let personas = folder.path().join("personas.json");
    let busy: std::collections::BTreeMap<_, _> = numbers.iter().flatten().map(|number| (number, "busy")).collect();
    std::fs::write(&personas, serde_json::to_vec(&busy).expect("text")).expect("the folder takes files");
    let second = Carrier::start(folder.path(), &personas, 1).await;
    let mut home = Home::new(folder.path().to_owned(), None, &ports);
    home.trusted = Some(trust.authority.clone());
    let mut server = home.start();
    server.up().await;
    let client = Client::new(home.http, server.key().await.into());
    let flow = json!({ "start": "bye", "nodes": [{ "id": "bye", "end": { "text": "Goodbye." } }] });
    let assistant =
        client.create("/assistants", &json!({ "name": "Short", "flow": flow })).await.expect("an assistant");
    let trunk = trunk("the second", second.address, "udp");
    let second_trunk = client.create("/trunks", &trunk).await.expect("a trunk");
    let stage = Stage { client, assistant, second, second_trunk };
    let cases = CASES.iter().zip(&numbers).map(|(case, numbers)| stage.play(case, numbers, &trust));
    let faults: Vec<String> = join_all(cases).await.into_iter().flatten().collect();
    server.stop().await;
    stage.second.stop().await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn trunk(name: &str, at: std::net::SocketAddr, transport: &str) -> Value {
    json!({ "name": name, "host": at.ip().to_string(), "port": at.port(), "transport": transport,
            "caller_ids": ["+442079460999"], "max_channels": 100, "calls_per_minute": 6000 })
}

impl Stage {
    /// Plays a case; what was otherwise than it should.
    async fn play(&self, case: &Case, numbers: &[String], trust: &Trust) -> Vec<String> {
        let first = Troubled::start(case.trouble, trust).await;
        let trunk = trunk(case.name, first.address, case.trouble.transport());
        let trunk = self.client.create("/trunks", &trunk).await.expect("a trunk");
        let (early, later) = (&numbers[..case.contacts], &numbers[case.contacts..=case.contacts]);
        let reasons = self.dial(&trunk, early).await;
        let (at_first, at_second) = (first.arrivals(early), self.at_second(early));
        let mut faults = case.faults(&at_first, &at_second, &reasons);
        self.dial(&trunk, later).await;
        let next = match (first.arrivals(later).is_empty(), self.at_second(later).is_empty()) {
            (true, true) => Next::None,
            (false, true) => Next::First,
            (true, false) => Next::Second,
            (false, false) => Next::Both,
        };
        if next != case.next {
            faults.push(format!("the next contact's INVITE was seen by {next:?}, not {:?}", case.next));
        }
        faults.into_iter().map(|fault| format!("{}: {fault}", case.name)).collect()
    }

    /// Dials numbers over the first trunk and, where that may be, the second; the reasons in the records.
    async fn dial(&self, first: &str, numbers: &[String]) -> Vec<String> {
        let settings = json!({ "max_retries": 0, "calls_per_minute": 120, "max_concurrent_calls": 50 });
        let campaign =
            json!({ "name": first, "assistant_id": self.assistant, "trunk_id": first, "settings": settings });
        let campaign = self.client.create("/campaigns", &campaign).await.expect("a campaign");
        let others = json!({ "trunk_ids": [self.second_trunk] });
        self.client.put(&format!("/campaigns/{campaign}/trunks"), &others).await.expect("its trunks");
        let zone = contacts::people(time::now().wall, false)[0].zone;
        let mut sheet = "phone,time_zone\n".to_owned();
        for number in numbers {
            sheet.push_str(&format!("{number},{zone}\n"));
        }
        let ids = self.client.import(sheet).await.expect("contacts");
        let path = format!("/campaigns/{campaign}/contacts");
        self.client.post(&path, &json!({ "contact_ids": ids })).await.expect("targets");
        self.client.post(&format!("/campaigns/{campaign}/start"), &json!({})).await.expect("it starts");
        let began = time::now().mono;
        loop {
            let reasons = self.reasons(numbers).await;
            if reasons.len() >= numbers.len() {
                return reasons;
            }
            assert!(time::now().mono < began + PATIENCE, "{reasons:?} of {} calls", numbers.len());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The reasons in the records of calls to these numbers.
    async fn reasons(&self, numbers: &[String]) -> Vec<String> {
        let calls = self.client.get("/calls?limit=100").await.expect("calls");
        let items = calls["items"].as_array().into_iter().flatten();
        let ours = items.filter(|call| call["to"].as_str().is_some_and(|to| numbers.iter().any(|number| number == to)));
        ours.filter_map(|call| call["reason"].as_str().map(str::to_owned)).collect()
    }

    /// What the second carrier saw of these numbers.
    fn at_second(&self, numbers: &[String]) -> Vec<WireCall> {
        let mut calls = Wire::read(&self.second.log).expect("the carrier writes what can be read").calls;
        calls.retain(|call| numbers.contains(call.to.expose()));
        calls
    }
}

impl Case {
    /// What is otherwise than it should.
    fn faults(&self, first: &[Arrival], second: &[WireCall], reasons: &[String]) -> Vec<String> {
        let mut faults = Vec::new();
        let mut calls: Vec<&str> = first.iter().map(|arrival| arrival.call_id.as_str()).collect();
        calls.sort_unstable();
        calls.dedup();
        if calls.len() != self.first || first.len() != self.first * self.invites {
            faults.push(format!("the first carrier saw {} calls and {} INVITEs", calls.len(), first.len()));
        }
        if second.len() != self.second {
            faults.push(format!("the second carrier saw {} calls", second.len()));
        }
        if second.iter().any(|call| calls.contains(&call.call_id.as_str())) {
            faults.push("a leg at the second carrier has the Call-ID of another one".to_owned());
        }
        if let (Some(refused), Some(gone_on)) = (first.first(), second.first()) {
            let after = gone_on.began - refused.at;
            if !(0.0..SOON).contains(&after) {
                faults.push(format!("the second carrier was asked {after:.3} s after the first"));
            }
        }
        if let Some(other) = reasons.iter().find(|reason| *reason != self.reason) {
            faults.push(format!("a record says {other}, not {}", self.reason));
        }
        faults
    }
}
