//! The server side of these tests: everything that calls need, with a voice that whistles and no recogniser.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use callwright::agent::assistant::{Assistant, AssistantVersion};
use callwright::call::call::CallConfig;
use callwright::call::inbound::{InboundRoute, InboundRoutes};
use callwright::call::outcome::TrunkEvidence;
use callwright::call::place::{AttemptEvent, CallPlacer, CallReport, PlaceCall};
use callwright::call::providers::{Offline, Providers};
use callwright::call::record::{RecordFile, Recorder};
use callwright::call::registry::{Calls, Services};
use callwright::call::tools::{NoTools, Toolbox};
use callwright::config::{ListenerConfig, SipGuardConfig, SipTransport, TlsFiles};
use callwright::id::{AssistantId, AssistantVersionId, AttemptId, CallId, LegId, OrgId, TargetId, TrunkId};
use callwright::net::media_worker::MediaWorkers;
use callwright::net::ports::RtpPorts;
use callwright::net::sip_driver::{self, BoundListener, Protection, SipHandle};
use callwright::net::sip_tls::SipTls;
use callwright::pii::Pii;
use callwright::provider::error::{Error, ErrorKind};
use callwright::provider::stt::{self, SpeechToText};
use callwright::provider::tts::{self, Speaking, Speech, SpeechRequest, TextToSpeech};
use callwright::provider::whole;
use callwright::sight::tap::{Tapping, tap};
use callwright::stir::verdict::IdentityPolicy;
use callwright::time;
use callwright::trunk::callers::Wording;
use callwright::trunk::keeper;
use callwright::trunk::media::MediaTerms;
use callwright::trunk::plan::{InvitePlan, Signing, TrunkRoute};
use callwright::trunk::signalling::Manner;
use callwright::trunk::status::TrunkStatus;
use callwright_sip::endpoint::{Callers, Config, Flow, Transport};
use callwright_sip::guard::Networks;
use callwright_sip::message::HostPort;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longer than anything in these tests should take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// From which the names of legs derive.
pub(crate) const SECRET: [u8; 32] = [4; 32];

pub(crate) struct Office {
    pub(crate) calls: Calls,
    pub(crate) inbound_reports: mpsc::Receiver<CallReport>,
    pub(crate) recordings: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) org: OrgId,
    /// SIP, for what is no call.
    #[allow(dead_code, reason = "only the tests with sipp register")]
    pub(crate) sip: SipHandle,
    /// Who has registered.
    pub(crate) trunks: TrunkStatus,
    pub(crate) listener: callwright_sip::endpoint::ListenerId,
    /// The listener as routers know it.
    #[allow(dead_code, reason = "few tests look for ways")]
    pub(crate) bound: BoundListener,
    pub(crate) transport: callwright_sip::endpoint::Transport,
    /// What goes over SIP, for who wants to see it.
    #[allow(dead_code, reason = "only the tests of what is seen look")]
    pub(crate) tapping: Option<Tapping>,
    stop: CancellationToken,
}

/// A file on a disk with little room.
struct Cramped {
    file: File,
    left: u64,
}

impl Write for Cramped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(io::ErrorKind::StorageFull)?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Cramped {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Where an office is reached.
pub(crate) struct Seat {
    pub(crate) transport: SipTransport,
    pub(crate) bind: SocketAddr,
    pub(crate) tls: SipTls,
    pub(crate) protection: Protection,
    /// The address announced for audio, where it is another one.
    pub(crate) media: Option<IpAddr>,
}

impl Office {
    /// `first_port` begins its range of RTP ports; those that others hold are passed over.
    pub(crate) async fn new(transport: SipTransport, first_port: u16, clocks: CallConfig, max_calls: usize) -> Self {
        let providers = Arc::new(Offline { stt: Arc::new(Deaf), tts: Arc::new(Whistle) });
        Self::staffed(transport, first_port, clocks, max_calls, providers, Arc::new(NoTools)).await
    }

    /// An office with others who recognise, think and speak, and with tools.
    pub(crate) async fn staffed(
        transport: SipTransport,
        first_port: u16,
        clocks: CallConfig,
        max_calls: usize,
        providers: Arc<dyn Providers>,
        toolbox: Arc<dyn Toolbox>,
    ) -> Self {
        Self::protected(transport, first_port, (clocks, max_calls), Protection::off(), (providers, toolbox)).await
    }

    /// An office that tells trunks from strangers, however busy the machine is: the trunk's address is 127.0.0.1.
    #[allow(dead_code, reason = "most tests have no strangers")]
    pub(crate) async fn guarded(transport: SipTransport, first_port: u16, max_calls: usize) -> Self {
        let patient = SipGuardConfig { target_delay_ms: 5_000, ..SipGuardConfig::default() };
        let providers = Arc::new(Offline { stt: Arc::new(Deaf), tts: Arc::new(Whistle) });
        let clocks = (CallConfig::default(), max_calls);
        let staff = (providers as Arc<dyn Providers>, Arc::new(NoTools) as Arc<dyn Toolbox>);
        let office = Self::protected(transport, first_port, clocks, patient.protection(), staff).await;
        let mut known = Networks::default();
        known.add(Ipv4Addr::LOCALHOST.into());
        office.sip.know(known, Callers::default()).await.expect("SIP runs");
        office
    }

    async fn protected(
        transport: SipTransport,
        first_port: u16,
        clocks: (CallConfig, usize),
        protection: Protection,
        staff: (Arc<dyn Providers>, Arc<dyn Toolbox>),
    ) -> Self {
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let tls = SipTls::new(&TlsFiles::default()).expect("no files are needed");
        Self::seated(Seat { transport, bind, tls, protection, media: None }, first_port, clocks, staff).await
    }

    /// An office that speaks TLS, and believes whoever proves to be `localhost`.
    #[allow(dead_code, reason = "most tests call in the open")]
    pub(crate) async fn over_tls(tls: SipTls, first_port: u16) -> Self {
        let callee = tls.names().learn("localhost").expect("a name");
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let protection = Protection::off();
        let seat = Seat { transport: SipTransport::Tls, bind, tls, protection, media: None };
        let providers = Arc::new(Offline { stt: Arc::new(Deaf), tts: Arc::new(Whistle) });
        let staff: (Arc<dyn Providers>, Arc<dyn Toolbox>) = (providers, Arc::new(NoTools));
        let mut office = Self::seated(seat, first_port, (CallConfig::default(), 100), staff).await;
        office.transport = Transport::Tls(callee);
        office
    }

    /// An office that is reached elsewhere than over 127.0.0.1, or by TLS.
    pub(crate) async fn seated(
        seat: Seat,
        first_port: u16,
        clocks: (CallConfig, usize),
        staff: (Arc<dyn Providers>, Arc<dyn Toolbox>),
    ) -> Self {
        Self::recorded(seat, first_port, clocks, staff, Recorder::start().expect("a thread")).await
    }

    /// An office whose disk is full after so many bytes of each recording.
    #[allow(dead_code, reason = "most disks have room")]
    pub(crate) async fn cramped(first_port: u16, bytes: u64) -> Self {
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let tls = SipTls::new(&TlsFiles::default()).expect("no files are needed");
        let seat = Seat { transport: SipTransport::Udp, bind, tls, protection: Protection::off(), media: None };
        let providers = Arc::new(Offline { stt: Arc::new(Deaf), tts: Arc::new(Whistle) });
        let staff: (Arc<dyn Providers>, Arc<dyn Toolbox>) = (providers, Arc::new(NoTools));
        let make = move |path: &Path| -> io::Result<Box<dyn RecordFile>> {
            Ok(Box::new(Cramped { file: File::create_new(path)?, left: bytes }))
        };
        let recorder = Recorder::start_on(Box::new(make)).expect("a thread");
        Self::recorded(seat, first_port, (CallConfig::default(), 100), staff, recorder).await
    }

    async fn recorded(
        seat: Seat,
        first_port: u16,
        (clocks, max_calls): (CallConfig, usize),
        (providers, toolbox): (Arc<dyn Providers>, Arc<dyn Toolbox>),
        recorder: Recorder,
    ) -> Self {
        let Seat { transport, bind, tls, protection, media } = seat;
        let listener = ListenerConfig { transport, bind, external: None, external_media: media };
        let stop = CancellationToken::new();
        let config = Config { registrar: true, replaceable: true, ..Config::default() };
        let (tap, tapping) = tap();
        let sip =
            sip_driver::start_tapped(&[listener], tls, config, protection, [3; 32], Some(tap), stop.clone()).await;
        let sip = sip.expect("loopback binds");
        let recordings = std::env::temp_dir().join(format!("callwright-calls-{:x}", rand::random::<u64>()));
        let bound = sip.bound[0].clone();
        let trunks = TrunkStatus::default();
        tokio::spawn(keeper::answer(sip.registers, sip.handle.clone(), trunks.clone()));
        let services = Services {
            sip: sip.handle.clone(),
            listeners: sip.bound,
            ports: RtpPorts::new(bind.ip(), first_port..=first_port + 998, 1),
            workers: MediaWorkers::start(1).expect("a thread"),
            recorder: Some(recorder),
            recordings: recordings.clone(),
            providers,
            toolbox,
            clocks,
            secret: SECRET,
            max_calls,
        };
        let (calls, inbound_reports) = Calls::new(services);
        let serving = calls.clone();
        tokio::spawn(async move { serving.serve(sip.incoming).await });
        Self {
            calls,
            inbound_reports,
            recordings,
            address: bound.local,
            org: OrgId::from_u128(1),
            sip: sip.handle,
            trunks,
            listener: bound.id,
            transport: bound.transport,
            tapping: Some(tapping),
            bound,
            stop,
        }
    }

    /// An order to call `number` at `peer`.
    pub(crate) fn order(&self, peer: SocketAddr, number: &str) -> PlaceCall {
        let route = TrunkRoute {
            trunk: TrunkId::from_u128(2),
            flow: Flow { listener: self.listener, transport: self.transport, peer },
            sent_by: None,
            domain: HostPort::from(peer),
            credentials: None,
            signing: Signing::default(),
            media: MediaTerms::default(),
            wording: Wording::default(),
            conduct: Manner::default(),
        };
        let to = number.parse().expect("a number");
        let from = "+493012345678".parse().expect("a number");
        PlaceCall {
            call: CallId::generate(),
            org: self.org,
            attempt: AttemptId::generate(),
            leg: LegId::generate(),
            target: TargetId::generate(),
            trunk: route.trunk,
            invite: InvitePlan::new(&route, &to, Some(&from)),
            to: Pii::new(to),
            from: Some(Pii::new(from)),
            credentials: None,
            evidence: TrunkEvidence::default(),
            assistant: survey(),
            variables: BTreeMap::new(),
            ring_timeout: Duration::from_secs(30),
            max_duration: Duration::from_secs(60),
            early_hangup: Duration::from_secs(10),
            send_before: time::Latest::at(time::now().mono + Duration::from_secs(5)),
        }
    }

    pub(crate) fn place(&self, order: PlaceCall) -> Attempt {
        Attempt { events: self.calls.place(order), onward: None }
    }

    /// Answers calls to any number from this machine, which may also register.
    pub(crate) fn open(&self, max_org_calls: usize) {
        self.open_for(max_org_calls, IdentityPolicy::Record);
    }

    /// [`Office::open`] under a policy about signatures.
    pub(crate) fn open_for(&self, max_org_calls: usize, identity: IdentityPolicy) {
        self.open_with(survey(), max_org_calls, identity);
    }

    /// [`Office::open`] for calls whose audio is like this.
    pub(crate) fn open_to(&self, max_org_calls: usize, identity: IdentityPolicy, media: MediaTerms) {
        self.open_as(survey(), max_org_calls, identity, (media, Wording::default()));
    }

    /// [`Office::open_for`] with this assistant.
    pub(crate) fn open_with(&self, assistant: Arc<AssistantVersion>, max_org_calls: usize, identity: IdentityPolicy) {
        self.open_as(assistant, max_org_calls, identity, (MediaTerms::default(), Wording::default()));
    }

    /// [`Office::open_with`] over a trunk that has audio and writes numbers in a way of its own.
    pub(crate) fn open_as(
        &self,
        assistant: Arc<AssistantVersion>,
        max_org_calls: usize,
        identity: IdentityPolicy,
        (media, wording): (MediaTerms, Wording),
    ) {
        let route = InboundRoute {
            trunk: TrunkId::from_u128(2),
            org: self.org,
            sources: [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()].into(),
            networks: Networks::default(),
            proves: false,
            numbers: BTreeMap::new(),
            otherwise: Some(assistant),
            max_org_calls,
            identity,
            media,
            wording,
            external: None,
            replaces: false,
        };
        self.trunks.locations().set_sources([(route.trunk, route.sources.clone())]);
        self.calls.set_inbound(InboundRoutes::new(vec![route]));
    }

    /// Answers calls to any number from whoever proves to be this trunk's.
    #[allow(dead_code, reason = "only some tests have such a trunk")]
    pub(crate) fn open_proving(&self, trunk: TrunkId) {
        let route = InboundRoute {
            trunk,
            org: self.org,
            sources: BTreeSet::new(),
            networks: Networks::default(),
            proves: true,
            numbers: BTreeMap::new(),
            otherwise: Some(survey()),
            max_org_calls: 100,
            identity: IdentityPolicy::Record,
            media: MediaTerms::default(),
            wording: Wording::default(),
            external: None,
            replaces: false,
        };
        self.calls.set_inbound(InboundRoutes::new(vec![route]));
    }

    pub(crate) async fn inbound_report(&mut self) -> CallReport {
        timeout(PATIENCE, self.inbound_reports.recv()).await.expect("a report in time").expect("calls run")
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.stop.cancel();
        let _ = std::fs::remove_dir_all(&self.recordings);
    }
}

/// One attempt as the dialer sees it.
pub(crate) struct Attempt {
    events: mpsc::Receiver<AttemptEvent>,
    /// From where the call goes on when it is redirected; without it does not.
    pub(crate) onward: Option<Flow>,
}

impl Attempt {
    /// Names of the events before the end, and the report.
    pub(crate) async fn ends(mut self) -> (Vec<&'static str>, CallReport) {
        let mut seen = Vec::new();
        loop {
            let event = timeout(PATIENCE, self.events.recv()).await.expect("an event in time").expect("an end");
            match event {
                AttemptEvent::NotPlaced(why) => panic!("not placed: {why}"),
                AttemptEvent::Redirected { to, reply } => {
                    seen.push("redirected");
                    let uri = to.expose();
                    let peer = SocketAddr::new(uri.host.ip().expect("an address"), uri.port.unwrap_or(5060));
                    let _ = reply.send(self.onward.map(|flow| Flow { peer, ..flow }));
                }
                AttemptEvent::Ringing { .. } => seen.push("ringing"),
                AttemptEvent::Answered { dialog, .. } => {
                    assert!(dialog.is_some(), "an answered call has a dialog to be stored");
                    seen.push("answered");
                }
                AttemptEvent::InConversation { .. } => seen.push("in conversation"),
                AttemptEvent::Ended(report) => {
                    assert!(self.events.recv().await.is_none(), "nothing follows the end");
                    return (seen, *report);
                }
            }
        }
    }

    pub(crate) async fn stays_unplaced(mut self) -> String {
        match timeout(PATIENCE, self.events.recv()).await.expect("an event in time") {
            Some(AttemptEvent::NotPlaced(why)) => why.to_string(),
            other => panic!("it was placed: {other:?}"),
        }
    }
}

/// Greets, asks one question, says goodbye.
pub(crate) fn survey() -> Arc<AssistantVersion> {
    let definition: Assistant = serde_json::from_value(serde_json::json!({
        "name": "Survey",
        "flow": { "start": "hello", "nodes": [
            { "id": "hello", "say": { "text": "Hello.", "next": "open" } },
            { "id": "open", "ask": { "text": "Are you open?", "answer": { "kind": "yes_no" }, "next": "bye" } },
            { "id": "bye", "end": { "text": "Goodbye.", "reason": "done" } },
        ] },
    }))
    .expect("an assistant");
    version(definition)
}

/// Says one thing after another for minutes.
#[allow(dead_code, reason = "only tests with long calls need it")]
pub(crate) fn reader() -> Arc<AssistantVersion> {
    let said = |number| serde_json::json!({ "id": format!("n{number}"), "say": { "text": "More.", "next": format!("n{}", number + 1) } });
    let mut nodes: Vec<_> = (0..190).map(said).collect();
    nodes.push(serde_json::json!({ "id": "n190", "end": { "text": "Goodbye.", "reason": "done" } }));
    let definition = serde_json::json!({ "name": "Reader", "flow": { "start": "n0", "nodes": nodes } });
    version(serde_json::from_value(definition).expect("an assistant"))
}

/// A version of an assistant.
pub(crate) fn version(definition: Assistant) -> Arc<AssistantVersion> {
    Arc::new(AssistantVersion {
        id: AssistantVersionId::from_u128(5),
        assistant: AssistantId::from_u128(6),
        version: 1,
        definition,
    })
}

/// Says everything as a second of whistling.
pub(crate) struct Whistle;

impl TextToSpeech for Whistle {
    fn speak(&self, _: SpeechRequest) -> Speaking<'_> {
        let pcm = (0..8_000).map(|n| (f64::from(n) * 0.5).sin() * 8_000.0).map(|sample| sample as i16).collect();
        Box::pin(async move { Ok(Speech { pcm, marks: Vec::new().into() }) })
    }

    fn open(self: Arc<Self>, voice: &tts::Voice) -> Result<tts::Session, Error> {
        Ok(whole::open(self, voice))
    }
}

/// Promises places and has none.
pub(crate) struct Deaf;

impl SpeechToText for Deaf {
    fn manner(&self) -> stt::Manner {
        stt::Manner::TURN_BY_TURN
    }

    fn capacity(&self) -> stt::Capacity {
        stt::Capacity { total: 1_000, free: 1_000 }
    }

    fn open(&self, _: &stt::ListenRequest) -> Result<stt::Session, Error> {
        Err(Error::new("deaf", ErrorKind::Busy, "no place"))
    }
}
