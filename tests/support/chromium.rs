//! A Chromium without a window, told over its DevTools protocol what to run. Its microphone is a file.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longer than the browser takes for anything here.
const PATIENCE: Duration = Duration::from_secs(25);

/// One browser with one page.
pub(crate) struct Chromium {
    child: Child,
    page: WebSocketStream<MaybeTlsStream<TcpStream>>,
    asked: u64,
    _folders: [tempfile::TempDir; 2],
}

impl Chromium {
    /// Opens a page. `microphone` is a WAV file in `folder`, which is heard over and over.
    pub(crate) async fn open(page: &str, microphone: &Path, folder: tempfile::TempDir) -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let child = Command::new("chromium")
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--mute-audio"])
            .args(["--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking"])
            .args(["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"])
            .args(["--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection"])
            .arg(format!("--use-file-for-fake-audio-capture={}", microphone.display()))
            .args(["--remote-debugging-port=0", "--remote-allow-origins=*"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(page)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Its own group, so that its helpers go with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .expect("chromium is installed by scripts/setup test");
        let port = timeout(PATIENCE, port(profile.path())).await.expect("it starts in time");
        let target = timeout(PATIENCE, target(port, page)).await.expect("it opens the page in time");
        let (socket, _) = connect_async(target).await.expect("it listens");
        let mut browser = Self { child, page: socket, asked: 0, _folders: [folder, profile] };
        let loaded = json!(["complete", page]);
        while browser.run("return [document.readyState, location.href]").await != loaded {
            sleep(Duration::from_millis(50)).await;
        }
        browser
    }

    /// Runs an asynchronous function's body in the page; what it returns.
    pub(crate) async fn run(&mut self, body: &str) -> Value {
        self.asked += 1;
        let expression = format!("(async () => {{ {body} }})()");
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let message = json!({ "id": self.asked, "method": "Runtime.evaluate", "params": params });
        self.page.send(Message::text(message.to_string())).await.expect("it listens");
        let answer = timeout(PATIENCE, self.answer()).await.unwrap_or_else(|_| panic!("no answer to {body}"));
        let fault = &answer["result"]["exceptionDetails"];
        assert!(fault.is_null() && answer["error"].is_null(), "{body}\n{answer}");
        answer["result"]["result"]["value"].clone()
    }

    async fn answer(&mut self) -> Value {
        loop {
            let message = self.page.next().await.expect("it lives").expect("it speaks");
            let Message::Text(text) = message else { continue };
            let message: Value = serde_json::from_str(&text).expect("JSON");
            if message["id"] == self.asked {
                return message;
            }
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        if let Some(leader) = self.child.id() {
            let _ = std::process::Command::new("kill").args(["-9", "--", &format!("-{leader}")]).status();
        }
    }
}

/// The port of its DevTools, which it writes into its folder.
async fn port(profile: &Path) -> u16 {
    loop {
        let told = std::fs::read_to_string(profile.join("DevToolsActivePort")).unwrap_or_default();
        if let Some(port) = told.lines().next().and_then(|line| line.parse().ok()) {
            return port;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Where the page is told what to do.
async fn target(port: u16, page: &str) -> String {
    loop {
        let list = reqwest::get(format!("http://127.0.0.1:{port}/json/list")).await;
        if let Ok(list) = list
            && let Ok(Value::Array(targets)) = list.json::<Value>().await
            && let Some(target) = targets.iter().find(|target| target["url"] == page)
            && let Some(socket) = target["webSocketDebuggerUrl"].as_str()
        {
            return socket.to_owned();
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// A WAV file with one channel at 48 kHz.
pub(crate) fn write_wav(path: &Path, samples: &[i16]) {
    let length = u32::try_from(samples.len() * 2).expect("a short file");
    let mut file = Vec::with_capacity(44 + samples.len() * 2);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + length).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    for part in [&16_u32.to_le_bytes()[..], &1_u16.to_le_bytes(), &1_u16.to_le_bytes(), &48_000_u32.to_le_bytes()] {
        file.extend_from_slice(part);
    }
    for part in
        [&96_000_u32.to_le_bytes()[..], &2_u16.to_le_bytes(), &16_u16.to_le_bytes(), b"data", &length.to_le_bytes()]
    {
        file.extend_from_slice(part);
    }
    samples.iter().for_each(|sample| file.extend_from_slice(&sample.to_le_bytes()));
    std::fs::write(path, file).expect("a file");
}
