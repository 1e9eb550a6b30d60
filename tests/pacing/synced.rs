//! One dial on SQLite, watched by strace: the log is synced before the INVITE is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use callwright::demo::client::Client;
use callwright::demo::contacts;
use callwright::time;
use serde_json::json;

use crate::process::{Carrier, Home, Ports};

/// Longest wait for the dial.
const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) async fn run(ports: Ports) {
    let folder = std::env::temp_dir().join(format!("callwright-synced-invite-{}", std::process::id()));
    let home = Home::new(folder.clone(), None, &ports);
    std::fs::create_dir_all(&folder).expect("the temporary folder takes folders");
    let personas = folder.join("personas.json");
    std::fs::write(&personas, r#"{"+442079460001":"busy"}"#).expect("the folder takes files");
    let carrier = Carrier::start(&folder, &personas, 1).await;
    let trace = folder.join("trace");
    let path = trace.display().to_string();
    // As a grandchild: the server is ours to end. Whole pages are written out, to find the leg in them.
    let calls = "openat,pwrite64,fsync,fdatasync,sendto,sendmsg";
    let mut server = home.start_under("strace", &["-D", "-f", "-qq", "-s", "8192", "-e", calls, "-o", &path]);
    server.up().await;
    let client = Client::new(home.http, server.key().await.into());
    dial(&client, &carrier).await.expect("a campaign of one");
    let began = time::now();
    let invited = || std::fs::read_to_string(&carrier.log).is_ok_and(|log| log.contains("\"event\":\"final\""));
    while !invited() {
        assert!(time::now().mono < began.mono + PATIENCE, "nobody was dialed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.stop().await;
    carrier.stop().await;
    let text = std::fs::read(&trace).expect("strace has written");
    let verdict = judge(&String::from_utf8_lossy(&text));
    assert_eq!(verdict, Ok(()), "the trace is in {}", trace.display());
    // A leftover in the temporary folder is no reason to fail.
    let _ = std::fs::remove_dir_all(folder);
}

async fn dial(client: &Client, carrier: &Carrier) -> anyhow::Result<()> {
    let trunk = json!({ "name": "Carrier", "host": carrier.address.ip().to_string(), "port": carrier.address.port(),
                        "caller_ids": ["+442079460999"] });
    let trunk = client.create("/trunks", &trunk).await?;
    let flow = json!({ "start": "bye", "nodes": [{ "id": "bye", "end": { "text": "Goodbye." } }] });
    let assistant = client.create("/assistants", &json!({ "name": "Short", "flow": flow })).await?;
    let settings = json!({ "max_retries": 0 });
    let campaign = json!({ "name": "One", "assistant_id": assistant, "trunk_id": trunk, "settings": settings });
    let campaign = client.create("/campaigns", &campaign).await?;
    let people = contacts::people(time::now().wall, false);
    let ids = client.import(format!("phone,time_zone\n+442079460001,{}\n", people[0].zone)).await?;
    client.post(&format!("/campaigns/{campaign}/contacts"), &json!({ "contact_ids": ids })).await?;
    client.post(&format!("/campaigns/{campaign}/start"), &json!({})).await?;
    Ok(())
}

/// Reads a trace: before the first INVITE leaves, the page with its leg is written to the log, and the log synced.
fn judge(trace: &str) -> Result<(), String> {
    // File descriptors of the log, by number; a call that another thread interrupts has its end on a line of its own.
    let mut logs: BTreeMap<String, ()> = BTreeMap::new();
    let mut syncing: BTreeMap<&str, bool> = BTreeMap::new();
    let mut opening: BTreeMap<&str, bool> = BTreeMap::new();
    let (mut written, mut synced) = (false, false);
    for line in trace.lines() {
        let Some((thread, call)) = line.trim_start().split_once(' ') else { continue };
        let call = call.trim_start();
        let is_log = call.contains("callwright.db-wal\"");
        if call.starts_with("openat(") && call.ends_with("<unfinished ...>") {
            opening.insert(thread, is_log);
        } else if is_log && call.starts_with("openat(")
            || call.starts_with("<... openat resumed>") && opening.remove(thread).unwrap_or(false)
        {
            let number = call.rsplit("= ").next().unwrap_or_default().trim();
            logs.insert(number.to_owned(), ());
        } else if let Some(rest) = call.strip_prefix("pwrite64(") {
            let file = rest.split(',').next().unwrap_or_default();
            if logs.contains_key(file) && rest.contains("+442079460001") && rest.contains("sent") {
                (written, synced) = (true, false);
            }
        } else if let Some(rest) = call.strip_prefix("fdatasync(").or_else(|| call.strip_prefix("fsync(")) {
            let file = rest.split([')', ' ']).next().unwrap_or_default();
            let of_log = logs.contains_key(file);
            match rest.ends_with("= 0") {
                true => synced |= of_log && written,
                false => drop(syncing.insert(thread, of_log && written)),
            }
        } else if call.starts_with("<... fdatasync resumed>") || call.starts_with("<... fsync resumed>") {
            synced |= syncing.remove(thread).unwrap_or(false) && call.ends_with("= 0");
        } else if call.starts_with("send") && call.contains("\"INVITE sip:") {
            return match (logs.is_empty(), written, synced) {
                (true, ..) => Err("the log was never opened".to_owned()),
                (_, false, _) => Err("the leg was not in the log when the INVITE left".to_owned()),
                (_, true, false) => Err("the log was not synced when the INVITE left".to_owned()),
                (_, true, true) => Ok(()),
            };
        }
    }
    Err("no INVITE left".to_owned())
}

#[test]
fn a_trace_is_read_as_it_is_meant() {
    let open = "7 openat(AT_FDCWD, \"/x/callwright.db-wal\", O_RDWR) = 9\n";
    let opened = "7 openat(AT_FDCWD, \"/x/callwright.db-wal\", O_RDONLY <unfinished ...>\n8 openat(AT_FDCWD, \"/y\", O_RDWR \
                  <unfinished ...>\n8 <... openat resumed>) = 4\n7 <... openat resumed>) = 9\n";
    let leg = "7 pwrite64(9, \"..sent{\\\"uri\\\":\\\"sip:+442079460001@..\", 4096, 0) = 4096\n";
    let sync = "7 fdatasync(9) = 0\n";
    let halves =
        "7 fdatasync(9 <unfinished ...>\n8 openat(AT_FDCWD, \"/y\", O_RDWR) = 4\n7 <... fdatasync resumed>) = 0\n";
    let send = "8 sendto(5, \"INVITE sip:+442079460001@127.0.0.1 SIP/2.0\", 99, 0, NULL, 0) = 99\n";
    let trace = |parts: &[&str]| judge(&parts.concat());
    assert_eq!(trace(&[open, leg, sync, send]), Ok(()));
    assert_eq!(trace(&[open, leg, halves, send]), Ok(()));
    assert_eq!(trace(&[opened, leg, sync, send]), Ok(()));
    assert!(trace(&[open, leg, send, sync]).is_err_and(|why| why.contains("not synced")));
    assert!(trace(&[open, sync, leg, send]).is_err_and(|why| why.contains("not synced")));
    assert!(trace(&[open, sync, send]).is_err_and(|why| why.contains("not in the log")));
    assert!(trace(&[leg, sync, send]).is_err_and(|why| why.contains("never opened")));
    assert!(trace(&[open, leg, sync]).is_err_and(|why| why.contains("no INVITE")));
}
