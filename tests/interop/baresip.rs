//! baresip, a telephone of others, told over its control port what to do.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use callwright::config::TlsFiles;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::office::PATIENCE;
use crate::program::{Program, free_ports};

/// The tone that it sends, in Hz: one with which no network rings.
pub(crate) const TONE: f64 = 800.0;

/// One telephone.
pub(crate) struct Baresip {
    pub(crate) program: Program,
    /// Where it takes calls.
    pub(crate) address: SocketAddr,
    control: OwnedWriteHalf,
    events: mpsc::UnboundedReceiver<Value>,
    answers: mpsc::UnboundedReceiver<Value>,
}

/// What a telephone is set to.
pub(crate) struct Account {
    pub(crate) user: &'static str,
    pub(crate) host: IpAddr,
    /// Registers there, with the name and password of [`crate::kamailio`].
    pub(crate) registrar: Option<SocketAddr>,
    pub(crate) codecs: &'static str,
    /// How it speaks TLS and encrypts its audio.
    pub(crate) secure: Option<Secure>,
}

/// What an encrypted telephone is set to.
#[derive(Clone)]
pub(crate) struct Secure {
    /// `srtp`: where the other side can, with keys in RTP/AVP; `srtp-mand`: always.
    pub(crate) media: &'static str,
    /// Its certificate for the address that it listens at, and whom it trusts.
    pub(crate) files: TlsFiles,
}

impl Account {
    /// One that registers nowhere.
    pub(crate) fn alone(user: &'static str) -> Self {
        Self { user, host: Ipv4Addr::LOCALHOST.into(), registrar: None, codecs: "PCMA,PCMU", secure: None }
    }

    pub(crate) fn at(user: &'static str, registrar: SocketAddr) -> Self {
        Self { registrar: Some(registrar), ..Self::alone(user) }
    }
}

impl Baresip {
    pub(crate) async fn start(account: Account) -> Self {
        // SIP, SIP over TLS (which it opens in any case), control, and RTP with RTCP for a few calls.
        let port = free_ports(24);
        let (address, control, rtp) = (SocketAddr::new(account.host, port), port + 2, port + 4);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().display();
        let mut config = format!(
            "poll_method epoll\nsip_listen {address}\nnet_interface {}\nrtp_ports {rtp}-{}\njitter_buffer_delay 2-5\n\
             audio_path {path}\naudio_source aufile,{path}/tone.wav\nausrc_srate 8000\nauplay_srate 8000\n\
             ausrc_channels 1\nauplay_channels 1\nsnd_path {path}\nctrl_tcp_listen 127.0.0.1:{control}\n\
             module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule g722.so\nmodule opus.so\nmodule aufile.so\nmodule sndfile.so\n\
             module_tmp uuid.so\nmodule_tmp account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n",
            account.host,
            rtp + 19,
        );
        let Account { user, registrar, codecs, secure, .. } = account;
        let (home, registers) = match registrar {
            Some(registrar) => (registrar, "regint=600;auth_user=test;auth_pass=secret"),
            None => (address, "regint=0"),
        };
        let mut accounts = format!("<sip:{user}@{home}>;{registers};answermode=manual;audio_codecs={codecs}");
        if let Some(Secure { media, files }) = secure {
            let read = |file: &Option<PathBuf>| std::fs::read_to_string(file.as_ref().expect("named")).expect("a file");
            let own = read(&files.certificate) + &read(&files.key);
            std::fs::write(folder.path().join("own.pem"), own).expect("the folder is ours");
            std::fs::write(folder.path().join("trusted.pem"), read(&files.trusted)).expect("the folder is ours");
            config += &format!("module srtp.so\nsip_certificate {path}/own.pem\nsip_cafile {path}/trusted.pem\n");
            accounts += &format!(";mediaenc={media}");
        }
        accounts.push('\n');
        for (name, content) in [("config", config), ("accounts", accounts), ("contacts", String::new())] {
            std::fs::write(folder.path().join(name), content).expect("the folder is ours");
        }
        std::fs::write(folder.path().join("tone.wav"), tone()).expect("the folder is ours");
        let settings = folder.path().to_str().expect("a plain name").to_owned();
        let mut program = Program::start("baresip", folder, &["-f", &settings, "-v", "-s"]);
        program.says("baresip is ready.").await;
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, control)).await.expect("it listens");
        let (reader, control) = stream.into_split();
        let ((event, events), (answer, answers)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        tokio::spawn(read(reader, event, answer));
        let mut phone = Self { program, address, control, events, answers };
        if registrar.is_some() {
            phone.program.says("200 OK (kamailio").await;
        }
        phone
    }

    /// Where it takes calls over TLS.
    pub(crate) fn secure_address(&self) -> SocketAddr {
        SocketAddr::new(self.address.ip(), self.address.port() + 1)
    }

    /// Calls somebody.
    pub(crate) async fn dials(&mut self, whom: &str) {
        self.does("dial", whom).await;
    }

    /// Tells it to do something that it must be able to do, and says what it says to that.
    pub(crate) async fn does(&mut self, command: &str, parameters: &str) -> String {
        let mut order = json!({ "command": command, "token": "order" });
        if !parameters.is_empty() {
            order["params"] = json!(parameters);
        }
        let order = order.to_string();
        self.control.write_all(format!("{}:{order},", order.len()).as_bytes()).await.expect("it runs");
        let answer = timeout(PATIENCE, self.answers.recv()).await.expect("an answer in time").expect("it runs");
        assert_eq!(answer["ok"], json!(true), "{command}: {answer}");
        answer["data"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits for an event of this kind, such as `CALL_ESTABLISHED`.
    pub(crate) async fn tells(&mut self, kind: &str) -> Value {
        let wait = async {
            loop {
                let event = self.events.recv().await.expect("it runs");
                if event["type"] == json!(kind) {
                    return event;
                }
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{} never tells {kind}", self.address))
    }

    /// Waits until it rings, and takes the call.
    pub(crate) async fn answers(&mut self) {
        self.tells("CALL_INCOMING").await;
        self.does("accept", "").await;
        self.tells("CALL_ESTABLISHED").await;
    }

    /// Everything that it has heard in its latest call: samples at 8 kHz.
    pub(crate) fn heard(&self) -> Vec<i16> {
        let files = std::fs::read_dir(self.program.folder()).expect("the folder is ours");
        let names = files.map(|file| file.expect("a file").path());
        let Some(file) = names.filter(|name| name.to_string_lossy().ends_with("-dec.wav")).max() else {
            return Vec::new();
        };
        let bytes = std::fs::read(file).expect("a file");
        // Its length is written into the 44 bytes of head when the call is over.
        let Some((head, sound)) = bytes.split_at_checked(44) else { return Vec::new() };
        let channels = usize::from(u16::from_le_bytes([head[22], head[23]]));
        let rate = u32::from_le_bytes([head[24], head[25], head[26], head[27]]) as usize;
        let samples = sound.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
        samples.step_by((channels * rate / 8_000).max(1)).collect()
    }

    /// Waits until it has heard the whistling of an agent.
    pub(crate) async fn hears_the_agent(&mut self) {
        let address = self.address;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !self.heard().chunks_exact(1_600).any(|sound| strength(sound, WHISTLE) > -20.0) {
            assert!(tokio::time::Instant::now() < deadline, "{address} hears nobody");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// How many packets of sound come in this time.
    pub(crate) async fn hears_in(&mut self, time: Duration) -> u16 {
        let before = self.newest_packet().await;
        tokio::time::sleep(time).await;
        self.newest_packet().await.wrapping_sub(before)
    }

    /// The RTP sequence number that its jitter buffer took last. What it writes down of the sound ends with the first change of
    /// a session.
    async fn newest_packet(&mut self) -> u16 {
        let state = self.does("audio_debug", "").await;
        let number = state.split("seq_put=").nth(1).expect("it has a jitter buffer");
        number.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
    }
}

/// The tone of the agent's voice in these tests, in Hz: half a radian a sample.
pub(crate) const WHISTLE: f64 = 0.5 * 8_000.0 / std::f64::consts::TAU;

/// How strong a pure tone is in a sound at 8 kHz, in dBFS.
pub(crate) fn strength(sound: &[i16], hertz: f64) -> f64 {
    let step = std::f64::consts::TAU * hertz / 8_000.0;
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (n, sample) in sound.iter().enumerate() {
        real += f64::from(*sample) * (step * n as f64).cos();
        imaginary += f64::from(*sample) * (step * n as f64).sin();
    }
    let amplitude = 2.0 * (real * real + imaginary * imaginary).sqrt() / sound.len() as f64;
    20.0 * (amplitude.max(0.001) / 32_768.0).log10() - 3.01
}

/// A minute of [`TONE`] as a WAV file at 8 kHz.
fn tone() -> Vec<u8> {
    let samples = 60 * 8_000_u32;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + 2 * samples).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    file.extend((2 * samples).to_le_bytes());
    for n in 0..samples {
        let sample = (8_000.0 * (std::f64::consts::TAU * TONE * f64::from(n) / 8_000.0).sin()) as i16;
        file.extend(sample.to_le_bytes());
    }
    file
}

/// Sorts what comes over the control port.
async fn read(mut reader: OwnedReadHalf, events: mpsc::UnboundedSender<Value>, answers: mpsc::UnboundedSender<Value>) {
    let mut waiting = Vec::new();
    let mut piece = [0; 4_096];
    while let Ok(length @ 1..) = reader.read(&mut piece).await {
        waiting.extend_from_slice(&piece[..length]);
        while let Some((message, rest)) = netstring(&waiting) {
            let message: Value = serde_json::from_slice(message).expect("it speaks JSON");
            let rest = rest.to_vec();
            let to = if message["response"] == json!(true) { &answers } else { &events };
            let _ = to.send(message);
            waiting = rest;
        }
    }
}

/// The first of these netstrings, and what follows: a length in digits, a colon, so many bytes, a comma.
fn netstring(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let length: usize = std::str::from_utf8(&bytes[..colon]).ok()?.parse().ok()?;
    let rest = &bytes[colon + 1..];
    (rest.len() > length).then(|| (&rest[..length], &rest[length + 1..]))
}
