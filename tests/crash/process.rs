//! The processes: a carrier that lives through the whole test, and a server that is killed and started again.

use std::fs::{File, OpenOptions};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use callwright::time;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// Longest time a process may take to come up.
const START: Duration = Duration::from_secs(20);

/// From where a test takes its ports.
#[derive(Clone, Debug)]
pub(crate) struct Ports {
    pub(crate) http: Range<u16>,
    pub(crate) sip: Range<u16>,
    pub(crate) rtp_min: u16,
    pub(crate) rtp_max: u16,
}

/// Seconds since 1970 UTC, as the carrier writes them.
pub(crate) fn unix() -> f64 {
    time::now().micros() as f64 / 1e6
}

/// Where a server lives; the same in all its lives.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    /// Database (on SQLite), recordings, prompts, the node's mark.
    pub(crate) folder: PathBuf,
    /// Address of PostgreSQL; SQLite inside the folder when there is none.
    pub(crate) database: Option<String>,
    /// REST.
    pub(crate) http: SocketAddr,
    /// SIP over UDP.
    pub(crate) sip: SocketAddr,
    /// Where hosts of trunks are looked up; where the system says without it.
    pub(crate) dns: Option<SocketAddr>,
    /// An authority to trust. With it the server speaks TCP and TLS too.
    pub(crate) trusted: Option<PathBuf>,
    rtp: (u16, u16),
}

impl Home {
    /// A home on free ports.
    pub(crate) fn new(folder: PathBuf, database: Option<String>, ports: &Ports) -> Self {
        Self::at(IpAddr::V4(Ipv4Addr::LOCALHOST), folder, database, ports)
    }

    /// A home on free ports, for SIP and RTP of this address.
    pub(crate) fn at(ip: IpAddr, folder: PathBuf, database: Option<String>, ports: &Ports) -> Self {
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let http = ports.http.clone().map(local).find(|address| TcpListener::bind(address).is_ok());
        let own = |port| SocketAddr::new(ip, port);
        let sip = ports.sip.clone().map(own).find(|address| UdpSocket::bind(address).is_ok());
        Self {
            folder,
            database,
            http: http.expect("one of a hundred TCP ports is free"),
            sip: sip.expect("one of a hundred UDP ports is free"),
            dns: None,
            trusted: None,
            rtp: (ports.rtp_min, ports.rtp_max),
        }
    }

    /// Address of the database.
    pub(crate) fn database(&self) -> String {
        let embedded = || format!("sqlite:{}", self.folder.join("data/callwright.db").display());
        self.database.clone().unwrap_or_else(embedded)
    }

    /// Folder of the recordings.
    pub(crate) fn recordings(&self) -> PathBuf {
        self.folder.join("data/recordings")
    }

    /// Starts the server; it is up once [`Server::up`] says so.
    pub(crate) fn start(&self) -> Server {
        // A write that the disk refuses is an error like others, not the end.
        self.start_under("sh", &["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
    }

    /// Starts it with every line of its log on a disk that is full.
    pub(crate) fn start_without_log(&self) -> Server {
        let script = "exec \"$@\" 2>/dev/full";
        self.start_under("env", &["CALLWRIGHT_LOG=trace", "sh", "-c", script, "sh"])
    }

    /// Starts it through another program, whose last argument it is.
    pub(crate) fn start_under(&self, program: &str, arguments: &[&str]) -> Server {
        let mut command = Command::new(program);
        command.args(arguments).arg(env!("CARGO_BIN_EXE_callwright"));
        self.spawn(command)
    }

    fn spawn(&self, mut command: Command) -> Server {
        let mut listeners = format!("{{transport=\"udp\",bind=\"{}\"}}", self.sip);
        if let Some(authority) = &self.trusted {
            for transport in ["tcp", "tls"] {
                listeners += &format!(",{{transport=\"{transport}\",bind=\"{}:0\"}}", self.sip.ip());
            }
            command.env("CALLWRIGHT_SIP__TLS__TRUSTED", authority);
        }
        command
            .arg("serve")
            .current_dir(&self.folder)
            .env("CALLWRIGHT_DATA_DIR", self.folder.join("data"))
            .env("CALLWRIGHT_HTTP__LISTEN", self.http.to_string())
            .env("CALLWRIGHT_SIP__LISTENERS", format!("[{listeners}]"))
            .env("CALLWRIGHT_MEDIA__PORT_MIN", self.rtp.0.to_string())
            .env("CALLWRIGHT_MEDIA__PORT_MAX", self.rtp.1.to_string())
            .env("CALLWRIGHT_STORE__LEASE_S", "6")
            // What was on the disk at the kill is looked at.
            .env("CALLWRIGHT_RECORDING__FORMAT", "wav")
            .env("CALLWRIGHT_LOG", "info")
            .env("CALLWRIGHT_LOG_FORMAT", "text")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log(&self.folder.join("server.log")))
            .kill_on_drop(true);
        if let Some(dns) = &self.dns {
            command.env("CALLWRIGHT_SIP__DNS", format!("[\"{dns}\"]"));
        }
        if let Some(address) = &self.database {
            command.env("CALLWRIGHT_STORE__URL", address);
        }
        let spawned = unix();
        let mut process = command.spawn().expect("the server's program starts");
        let out = BufReader::new(process.stdout.take().expect("piped")).lines();
        Server { process, out, spawned }
    }
}

/// One life of the server.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    out: Lines<BufReader<ChildStdout>>,
    /// When it was started.
    pub(crate) spawned: f64,
}

impl Server {
    /// Waits until it says that it is up; the moment.
    pub(crate) async fn up(&mut self) -> f64 {
        let line = timeout(START, self.out.next_line()).await;
        let line = line.expect("the server comes up in time").expect("its output can be read");
        let line = line.expect("the server comes up: its words are in server.log");
        assert!(line.ends_with("is up."), "{line}");
        unix()
    }

    /// The API key that the first start prints.
    pub(crate) async fn key(&mut self) -> String {
        loop {
            let line = timeout(START, self.out.next_line()).await.expect("in time").expect("readable");
            let line = line.expect("a first start prints its key");
            if let Some(key) = line.trim().strip_prefix("API key") {
                return key.trim().to_owned();
            }
        }
    }

    /// Kills it as a power cut would; the moment before.
    pub(crate) async fn kill(mut self) -> f64 {
        let at = unix();
        self.process.kill().await.expect("a process that runs can be killed");
        at
    }

    /// Sends it a signal, by its name without SIG.
    pub(crate) async fn signal(&self, name: &str) {
        self.tell("kill", &[&format!("-{name}")]).await;
    }

    /// Whether the disk takes nothing it writes.
    pub(crate) async fn refuse_writes(&self, refuse: bool) {
        let limit = if refuse { "--fsize=0:" } else { "--fsize=unlimited:" };
        self.tell("prlimit", &[limit, "--pid"]).await;
    }

    async fn tell(&self, program: &str, arguments: &[&str]) {
        let id = self.process.id().expect("it runs").to_string();
        let told = Command::new(program).args(arguments).arg(id).status().await.expect("the program starts");
        assert!(told.success(), "{program} {arguments:?}");
    }

    /// Asks it to end and waits.
    pub(crate) async fn stop(&mut self) {
        self.signal("TERM").await;
        let ended = timeout(START, self.process.wait()).await.expect("an idle server ends in time");
        assert!(ended.expect("it is ours").success(), "an idle server ends in order");
    }
}

/// The simulated carrier.
#[derive(Debug)]
pub(crate) struct Carrier {
    /// Where it takes calls.
    pub(crate) address: SocketAddr,
    /// What it writes down.
    pub(crate) log: PathBuf,
    process: Child,
}

#[derive(Deserialize)]
struct Started {
    sip: SocketAddr,
}

impl Carrier {
    /// Starts a carrier whose callees are those of `personas` (a JSON file).
    pub(crate) async fn start(folder: &Path, personas: &Path, seed: u64) -> Self {
        Self::start_with(folder, personas, seed, &[]).await
    }

    /// Starts one with further options.
    pub(crate) async fn start_with(folder: &Path, personas: &Path, seed: u64, options: &[&str]) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_callwright")).with_file_name("callwright-loadtest");
        assert!(program.is_file(), "{} is missing: run `cargo build --workspace --bins` first", program.display());
        let wire = folder.join("carrier.jsonl");
        let mut process = Command::new(program)
            .args(["carrier", "--listen", "127.0.0.1:0", "--voices"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/voices"))
            .args(["--seed", &seed.to_string(), "--log"])
            .arg(&wire)
            .arg("--personas")
            .arg(personas)
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log(&folder.join("carrier.log")))
            .kill_on_drop(true)
            .spawn()
            .expect("the carrier's program starts");
        let mut out = BufReader::new(process.stdout.take().expect("piped")).lines();
        let line = timeout(START, out.next_line()).await.expect("in time").expect("readable").expect("a line");
        let started: Started = serde_json::from_str(&line).expect("the carrier says where it is");
        Self { address: started.sip, log: wire, process }
    }

    /// Ends it; its record is complete.
    pub(crate) async fn stop(mut self) {
        self.process.kill().await.expect("the carrier still ran");
    }
}

fn log(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).expect("the folder takes files")
}
