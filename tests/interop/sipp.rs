use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use callwright::call::call::CallConfig;
use callwright::call::place::CallReport;
use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::config::SipTransport::{self, Tcp, Tls, Udp, Ws, Wss};
use callwright::id::TrunkId;
use callwright::time;
use callwright::trunk::plan::leg_key;
use callwright_sip::endpoint::{Registration, RegistrationState};
use callwright_sip::message::header::NameAddr;
use callwright_sip::message::{HostPort, Uri};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::office::{Office, PATIENCE, SECRET};

/// One run of sipp.
pub(crate) struct Sipp {
    child: Child,
}

impl Sipp {
    /// Starts sipp with a scenario, built in (`uac`) or of this folder (`branch_client.xml`), on a port of its own.
    pub(crate) fn start(
        scenario: &str,
        transport: SipTransport,
        port: u16,
        media_port: u16,
        arguments: &[&str],
    ) -> Self {
        let mut sipp = Command::new("sipp");
        match scenario.strip_suffix(".xml") {
            Some(_) => sipp.arg("-sf").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(scenario)),
            None => sipp.args(["-sn", scenario]),
        };
        let transport = match transport {
            Udp => "u1",
            Tcp => "t1",
            Tls => "l1",
            Ws | Wss => panic!("sipp has no websockets"),
        };
        let numbers = [port.to_string(), media_port.to_string()];
        let child = sipp
            .args(["-t", transport, "-i", "127.0.0.1", "-p", &numbers[0], "-mp", &numbers[1], "-rtp_echo"])
            .args(["-nostdin", "-timeout", "60s", "-timeout_error"])
            .args(arguments)
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("sipp is installed: make setup");
        Self { child }
    }

    /// Fails if it has ended in another way than its scenario says.
    pub(crate) async fn still_runs(&mut self) {
        let Some(status) = self.child.try_wait().expect("a child of ours").filter(|status| !status.success()) else {
            return;
        };
        let mut said = String::new();
        if let Some(err) = &mut self.child.stderr {
            err.read_to_string(&mut said).await.expect("text");
        }
        panic!("sipp: {status}\n{said}");
    }

    /// Waits for its end; every call must have gone as the scenario says.
    pub(crate) async fn succeeds(self) {
        let output = self.child.wait_with_output().await.expect("sipp runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "sipp: {}\n{out}\n{err}", output.status);
    }
}

fn free_port() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback binds");
    socket.local_addr().expect("bound").port()
}

async fn takes_calls(transport: SipTransport, first_port: u16, count: usize, rate: usize) {
    let mut office = Office::new(transport, first_port, CallConfig::default(), 500).await;
    office.open(500);
    let (target, count_text, rate_text) = (office.address.to_string(), count.to_string(), rate.to_string());
    let arguments = ["-d", "3000", "-m", &count_text, "-r", &rate_text, "-l", "400", &target];
    let mut sipp = Sipp::start("uac", transport, free_port(), first_port - 2, &arguments);
    let mut peak = 0;
    for _ in 0..count {
        let report = next_report(&mut office, &mut sipp).await;
        peak = peak.max(office.calls.len() + 1);
        assert_eq!(report.outcome.reason, Reason::UserHangup);
        assert!(report.outcome.talk_time().abs_diff(Duration::from_secs(3)) < Duration::from_secs(1));
        let media = report.media.expect("the call had media");
        // sipp sends every packet back: what came is what it was played.
        assert!(media.sent > 100 && media.received > 100, "{media:?}");
        assert!(report.recording.is_some() && report.recording_fault.is_none());
    }
    assert!(peak >= count.min(rate * 2), "calls overlap: {peak} at one time");
    sipp.succeeds().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_calls_of_a_uac_are_answered_and_played_to() {
    takes_calls(Udp, 22_000, 200, 40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_uac_over_tcp() {
    takes_calls(Tcp, 24_000, 10, 10).await;
}

async fn calls_a_uas(transport: SipTransport, first_port: u16) {
    let office = Office::new(transport, first_port, CallConfig::default(), 100).await;
    let port = free_port();
    let mut sipp = Sipp::start("uas", transport, port, first_port - 2, &["-m", "10"]);
    listening(&mut sipp, transport, port).await;
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut calls = Vec::new();
    for number in 0..10 {
        let order = office.order(peer, &format!("+49309018{number:02}"));
        let call = order.call;
        calls.push((call, office.place(order)));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    for (call, attempt) in calls {
        assert!(office.calls.hang_up(call), "the uas waits for our BYE");
        let (seen, report) = attempt.ends().await;
        assert_eq!(seen[..2], ["ringing", "answered"]);
        assert_eq!((report.outcome.reason, report.outcome.technical), (Reason::AgentHangup, false));
        assert!(report.media.is_some_and(|media| media.received > 50));
    }
    sipp.succeeds().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_uas_over_udp() {
    calls_a_uas(Udp, 25_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_uas_over_tcp() {
    calls_a_uas(Tcp, 26_000).await;
}

/// A carrier that answers some calls, sends its 100 after its 180, and refuses the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_branching_server_answers_and_refuses() {
    let office = Office::new(Udp, 27_000, CallConfig::default(), 100).await;
    let port = free_port();
    let mut sipp = Sipp::start("branch_server.xml", Udp, port, 26_998, &["-m", "4"]);
    listening(&mut sipp, Udp, port).await;
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    for (number, answered) in
        [("+4920000001", true), ("+4930000001", false), ("+4920000002", true), ("+4930000002", false)]
    {
        let order = office.order(peer, number);
        let call = order.call;
        let attempt = office.place(order);
        if answered {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(office.calls.hang_up(call));
        }
        let (seen, report) = attempt.ends().await;
        match answered {
            true => assert_eq!(
                (seen[..2].to_vec(), report.outcome.reason),
                (vec!["ringing", "answered"], Reason::AgentHangup)
            ),
            false => assert_eq!(report.outcome.reason, Reason::TelephonyProviderPermissionDenied),
        }
    }
    sipp.succeeds().await;
}

/// A caller of which every other call comes without an offer, so that the ACK has to bring the answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_branching_client_offers_late() {
    let mut office = Office::new(Udp, 28_000, CallConfig::default(), 100).await;
    office.open(100);
    let target = office.address.to_string();
    let mut sipp = Sipp::start("branch_client.xml", Udp, free_port(), 27_998, &["-m", "6", "-r", "6", &target]);
    for _ in 0..6 {
        let report = next_report(&mut office, &mut sipp).await;
        assert_eq!(report.outcome.reason, Reason::UserHangup);
        assert!(report.media.is_some_and(|media| media.sent > 40 && media.received > 40), "{:?}", report.media);
    }
    sipp.succeeds().await;
}

/// sipp's own `branchc`: each call registers, then calls under the same Call-ID and, but for the 25th, never acknowledges
/// the answer: it hangs up after five seconds of repeated answers. The 25th acknowledges and hangs up at once.
async fn the_built_in_branching_client_never_acknowledges(transport: SipTransport, first_port: u16, count: usize) {
    let mut office = Office::new(transport, first_port, CallConfig::default(), 100).await;
    office.open(100);
    let (target, count_text) = (office.address.to_string(), count.to_string());
    let port = free_port();
    let arguments = ["-m", &count_text, "-r", "10", &target];
    let mut sipp = Sipp::start("branchc", transport, port, first_port - 10, &arguments);
    let mut short = 0;
    for _ in 0..count {
        let report = next_report(&mut office, &mut sipp).await;
        assert_eq!(report.outcome.reason, Reason::UserHangup);
        let talked = report.outcome.talk_time();
        short += usize::from(talked < Duration::from_secs(1));
        let five_seconds = talked.abs_diff(Duration::from_secs(5)) < Duration::from_secs(1);
        assert!(five_seconds || talked < Duration::from_secs(1), "{talked:?}");
    }
    assert_eq!(short, usize::from(count >= 25), "only the call that acknowledges is short");
    let location = office.trunks.location(time::now(), TrunkId::from_u128(2)).expect("it has registered for 300 s");
    assert_eq!(location.contact.to_string(), format!("sip:ua1@127.0.0.1:{port}"));
    sipp.succeeds().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branchc_over_udp() {
    the_built_in_branching_client_never_acknowledges(Udp, 14_100, 30).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branchc_over_tcp() {
    the_built_in_branching_client_never_acknowledges(Tcp, 15_300, 5).await;
}

/// sipp's own `branchs`: it waits for a registration and a call under one Call-ID, and takes the call of a user `ua2`. Ours
/// share no Call-ID, as their secrets differ; here the registration is given the secret of the leg.
async fn the_built_in_branching_server_takes_both(transport: SipTransport, first_port: u16) {
    let office = Office::new(transport, first_port, CallConfig::default(), 100).await;
    let port = free_port();
    let mut sipp = Sipp::start("branchs", transport, port, first_port - 10, &["-m", "4"]);
    listening(&mut sipp, transport, port).await;
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut kept = Vec::new();
    for number in 0..4 {
        let mut order = office.order(peer, &format!("+49309018{number:02}"));
        order.invite.from.display = Some(b"ua2".to_vec());
        let registrar = HostPort::from(peer);
        let registration = Registration {
            key: leg_key(&SECRET, order.leg),
            flow: order.invite.flow,
            registrar: Uri::sip(None, registrar.clone()),
            aor: NameAddr::new(Uri::sip(Some(b"ua2"), registrar)),
            contact_user: "ua2".to_owned(),
            credentials: None,
            expires: Duration::from_secs(600),
            external: None,
        };
        let mut ours = office.sip.register(registration).await.expect("sent");
        let answered = ours.state.wait_for(Option::is_some);
        let state = timeout(PATIENCE, answered).await.expect("an answer in time").expect("it runs").clone();
        assert_eq!(state, Some(RegistrationState::Registered { expires: Duration::from_secs(300) }));
        // Taken back only when sipp is gone: its calls wait for no second REGISTER.
        kept.push(ours);
        let call = order.call;
        let attempt = office.place(order);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(office.calls.hang_up(call), "the server waits for our BYE");
        let (seen, report) = attempt.ends().await;
        assert_eq!(seen[..2], ["ringing", "answered"]);
        assert_eq!((report.outcome.reason, report.outcome.technical), (Reason::AgentHangup, false));
        assert!(report.media.is_some_and(|media| media.received > 20), "{:?}", report.media);
    }
    sipp.succeeds().await;
    drop(kept);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branchs_over_udp() {
    the_built_in_branching_server_takes_both(Udp, 16_500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn branchs_over_tcp() {
    the_built_in_branching_server_takes_both(Tcp, 17_700).await;
}

/// Waits until sipp has its socket. It is looked up, as trying the port would take it from sipp.
pub(crate) async fn listening(sipp: &mut Sipp, transport: SipTransport, port: u16) {
    let table = match transport {
        Udp => "/proc/net/udp",
        Tcp | Tls | Ws | Wss => "/proc/net/tcp",
    };
    // Address and port of the loopback interface in the notation of that table.
    let entry = format!(" 0100007F:{port:04X} ");
    for _ in 0..100 {
        if std::fs::read_to_string(table).expect("Linux has it").contains(&entry) {
            return;
        }
        sipp.still_runs().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("sipp does not listen");
}

/// The report of the next call of a sipp that must not fail meanwhile.
pub(crate) async fn next_report(office: &mut Office, sipp: &mut Sipp) -> CallReport {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Ok(report) = timeout(Duration::from_millis(500), office.inbound_reports.recv()).await {
            return report.expect("calls run");
        }
        sipp.still_runs().await;
        assert!(tokio::time::Instant::now() < deadline, "a report in time");
    }
}
