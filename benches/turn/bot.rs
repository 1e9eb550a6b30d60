//! A bot elsewhere, a process of its own: it greets, and then says back what it hears, message by message.

use std::io::{Read, Write};

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use callwright_media::codec::g711::encode_ulaw;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

/// Samples of its greeting, at 8 kHz: one second.
const GREETING: u32 = 8_000;

/// Serves calls until standard input is closed. The first line tells its address.
pub(crate) fn run() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(lead(stream));
        }
    });
    let _ = std::io::stdin().read(&mut [0]);
    Ok(())
}

/// Leads one call to its end.
async fn lead(stream: TcpStream) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut socket = accept_async(stream).await?;
    let mut name = String::new();
    while let Some(Message::Text(text)) = socket.next().await.transpose()? {
        let message: Value = serde_json::from_str(&text)?;
        let payload = match message["event"].as_str() {
            Some("start") => {
                message["streamSid"].as_str().context("a name")?.clone_into(&mut name);
                STANDARD.encode(greeting())
            }
            Some("media") => message["media"]["payload"].as_str().context("sound")?.to_owned(),
            Some("stop") => break,
            Some(_) | None => continue,
        };
        let answer = json!({ "event": "media", "streamSid": name, "media": { "payload": payload } });
        socket.send(Message::text(answer.to_string())).await?;
    }
    Ok(())
}

fn greeting() -> Vec<u8> {
    (0..GREETING).map(|n| encode_ulaw(((f64::from(n) * 0.3).sin() * 6_000.0) as i16)).collect()
}
