//! Everything a call needs but the dialer and the database of a business: one for all scenarios of a run.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use callwright_sip::endpoint::{Config as SipConfig, Flow};
use callwright_sip::message::{HostPort, StatusCode};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Options;
use super::caller::{Course, Part, Played};
use super::expect::{Facts, check};
use super::judge::judge;
use super::person::Person;
use super::phone::{Phone, Ringing};
use super::report::Verdict;
use super::scenario::{Colleague, Scenario, Written};
use super::stubs::Stubs;
use super::witness::{OpenDesk, Overheard, Seen, SeenTools};
use crate::agent::assistant::{Assistant, AssistantVersion};
use crate::agent::flow::check::Lexicon;
use crate::agent::transfer::TransferManner;
use crate::app::{self, first_start, voice};
use crate::call::call::CallConfig;
use crate::call::insight::Insight;
use crate::call::outcome::TrunkEvidence;
use crate::call::place::{AttemptEvent, CallPlacer, CallReport, PlaceCall};
use crate::call::providers::{StandIn, Vendors};
use crate::call::record::Recorder;
use crate::call::registry::{Calls, Services};
use crate::call::transfer::TransferConfig;
use crate::campaign::phone::E164;
use crate::config::{Config, ListenerConfig, SipTransport};
use crate::id::{AssistantId, AssistantVersionId, AttemptId, CallId, LegId, OrgId, TargetId, TrunkId};
use crate::lookup::Lookups;
use crate::net::media_worker::MediaWorkers;
use crate::net::ports::RtpPorts;
use crate::net::sip_driver::{self, BoundListener};
use crate::net::web::Web;
use crate::pii::Pii;
use crate::provider::catalog::Wanted;
use crate::provider::llm::LanguageModel;
use crate::provider::tts::{TextToSpeech, Voice};
use crate::store::db::Settings;
use crate::store::org::Secrets;
use crate::store::{Db, suppression};
use crate::time::{self, Latest};
use crate::toolbox::Toolbox;
use crate::trunk::callers::Wording;
use crate::trunk::media::MediaTerms;
use crate::trunk::plan::{InvitePlan, Signing, TrunkRoute};
use crate::trunk::signalling::Manner;

/// Numbers of scenarios: a range that no telephone has, kept free for drama.
const NUMBERS: &str = "+447700900";
const MOST_SCENARIOS: u32 = 1_000;
/// The number shown.
const OURS: &str = "+442079460999";
/// How much longer than its limit a call may take to be taken down.
const SLACK: Duration = Duration::from_secs(15);
/// Lines of calls that wait to be read by callers.
const LINES: usize = 1_024;

/// What calls of scenarios are made with.
pub(super) struct Studio {
    calls: Calls,
    listener: BoundListener,
    ports: RtpPorts,
    workers: MediaWorkers,
    tts: Arc<dyn TextToSpeech>,
    lexicon: Arc<dyn Lexicon + Send + Sync>,
    db: Db,
    org: OrgId,
    secrets: Arc<Secrets>,
    seen: Arc<Seen>,
    catalog: Arc<Vendors>,
    /// Providers of the settings file, and whether they are on this machine.
    vendors: BTreeMap<String, bool>,
    real: bool,
    numbers: AtomicU32,
    /// What goes with the run.
    passing: Option<PathBuf>,
    stop: CancellationToken,
}

impl Lexicon for Studio {
    fn knows(&self, word: &str) -> bool {
        self.lexicon.knows(word)
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(folder) = &self.passing {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

impl Studio {
    /// Opens one, with a database and recordings of its own.
    pub(super) async fn open(mut config: Config, options: &Options) -> anyhow::Result<Self> {
        let passing = || std::env::temp_dir().join(format!("callwright-eval-{}", std::process::id()));
        let folder = options.keep.clone().unwrap_or_else(passing);
        config.data_dir = folder.clone();
        config.outbound.private_hosts.push("127.0.0.1".to_owned());
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let address = format!("sqlite://{}", folder.join("eval.db").display());
        let db = Db::open(&Settings::new(address)).await.context("the run's own database cannot be opened")?;
        let secrets = Arc::new(first_start::prepare(&db).await.context("the run's own database fails")?.secrets);
        let org = {
            let mut tx = db.begin_durable().await?;
            let org = crate::store::org::ensure_default(&mut tx).await?;
            tx.commit().await?;
            org.id
        };
        let voice = voice::offline(&config)?;
        let stop = CancellationToken::new();
        let bind = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = ListenerConfig { transport: SipTransport::Udp, bind, external: None, external_media: None };
        let sip = sip_driver::start(&[listener], SipConfig::default(), rand::random(), stop.clone())
            .await
            .context("SIP cannot listen on loopback")?;
        let bound = sip.bound.first().cloned().context("SIP listens nowhere")?;
        let seen = Arc::new(Seen::default());
        let web = Web::new(config.outbound.clone()).context("HTTP requests cannot be set up")?;
        let lookups = Lookups::new(db.clone(), None);
        let tools = Toolbox::new(db.clone(), lookups, Arc::clone(&secrets), web, config.outbound.secrets.clone());
        let ports = || {
            let range = config.media.port_min..=config.media.port_max;
            RtpPorts::new(bind.ip(), range, rand::random())
        };
        let tts = Arc::clone(&voice.providers.tts);
        let named = config.providers.iter().map(|provider| (provider.name.clone(), is_here(&provider.base_url)));
        let vendors = named.collect();
        let catalog = app::vendors(&config, &db, voice.prompts).await?;
        let manners = StandIn { warm_spare: config.agent.warm_spare, offline: config.agent.offline_stand_in };
        let catalog = Arc::new(Vendors { catalog, offline: voice.providers, manners });
        let services = Services {
            sip: sip.handle,
            listeners: sip.bound,
            ports: ports(),
            workers: MediaWorkers::start(1).context("the media threads do not start")?,
            recorder: Some(Recorder::start().context("the recorder does not start")?),
            recordings: folder.join("recordings"),
            max_calls: usize::MAX,
            providers: Arc::clone(&catalog) as _,
            toolbox: Arc::new(SeenTools { seen: Arc::clone(&seen), tools: Arc::new(tools) }),
            clocks: CallConfig {
                transfer: TransferConfig { refer_allowed: false, ..TransferConfig::default() },
                ..CallConfig::default()
            },
            secret: secrets.leg,
        };
        let (calls, _) = Calls::new(services);
        calls.set_desk(Arc::new(OpenDesk { seen: Arc::clone(&seen), listener: bound.id, transport: bound.transport }));
        let (lines, mut written) = mpsc::channel(LINES);
        calls.set_insight(Insight { lines: Some(lines), ..Insight::default() });
        let reader = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Some((call, line)) = written.recv().await {
                reader.write(call, &line);
            }
        });
        let serving = calls.clone();
        tokio::spawn(async move { serving.serve(sip.incoming).await });
        Ok(Self {
            calls,
            listener: bound,
            ports: ports(),
            workers: MediaWorkers::start(1).context("the media threads do not start")?,
            tts,
            lexicon: voice.lexicon,
            db,
            org,
            secrets,
            seen,
            catalog,
            vendors,
            real: options.real,
            numbers: AtomicU32::new(0),
            passing: options.keep.is_none().then_some(folder),
            stop,
        })
    }

    /// Why a provider that an assistant names cannot be used here.
    pub(super) fn objection(&self, provider: &str) -> Option<&'static str> {
        match self.vendors.get(provider) {
            None => Some("is not in the settings file"),
            Some(false) if !self.real => Some("is not on this machine: it is used with --real only"),
            Some(_) => None,
        }
    }

    /// Runs a scenario: one call.
    pub(super) async fn run(&self, scenario: Scenario) -> Verdict {
        let began = time::now().mono;
        let result = self.call(&scenario).await;
        let took = time::now().mono.duration_since(began);
        match result {
            Ok(facts) => {
                let failures = check(&scenario.written.expect.value, &scenario.assistant, &facts);
                Verdict { scenario, took, failures, facts: Some(facts), error: None }
            }
            Err(error) => {
                Verdict { scenario, took, failures: Vec::new(), facts: None, error: Some(format!("{error:#}")) }
            }
        }
    }

    async fn call(&self, scenario: &Scenario) -> anyhow::Result<Facts> {
        let written = &scenario.written;
        let stubs = Stubs::start(written.tools.clone()).await?;
        let mut definition = scenario.assistant.clone();
        stubs.take_over(&mut definition, &written.tools, self.real);
        let language = definition.language.clone();
        let mut phone = Phone::new().await?;
        let (number, order) = self.order(&phone, definition, written)?;
        let call = order.call;
        let part = self.part(written, call, language).await?;
        self.seen.expect_at(order.attempt, phone.address());
        let attempt = self.calls.place(order);
        let limit = Duration::from_secs(written.limit_s.into()) + SLACK;
        let both = async { tokio::try_join!(ended(attempt), self.answer(&mut phone, scenario, part)) };
        let (report, course) = tokio::time::timeout(limit, both).await.context("the call did not end in time")??;
        let hash = self.secrets.phone.hash(&number);
        let mut tx = self.db.read().await?;
        let suppressed = suppression::of_number(&mut tx, self.org, &hash).await?.is_some();
        let judged = match (&written.expect.value.judge, written.judge_model()) {
            (Some(wanted), Some(model)) => {
                judge(&*self.model(model)?, &wanted.questions, &report.conversation.transcript).await?
            }
            (None, _) | (_, None) => Vec::new(),
        };
        let lines = written.caller.lines.len();
        Ok(Facts { report, tools: self.seen.take(call), suppressed, course, lines, judged })
    }

    /// Who answers a call.
    async fn part(&self, written: &Written, call: CallId, language: String) -> anyhow::Result<Part> {
        let caller = &written.caller;
        let Some(model) = &caller.model else { return Part::of_caller(caller, &language, &*self.tts).await };
        let played = Played {
            person: Person::new(self.model(model)?, caller),
            most_turns: caller.most_turns(),
            heard: Overheard::new(Arc::clone(&self.seen), call),
            voice: Voice { name: caller.voice.clone().unwrap_or_default(), language },
            tts: Arc::clone(&self.tts),
        };
        Ok(Part::of_model(caller, played))
    }

    /// The model of a provider.
    fn model(&self, provider: &str) -> anyhow::Result<Arc<dyn LanguageModel>> {
        let wanted = Wanted { llm: vec![provider.to_owned()], ..Wanted::default() };
        let served = self.catalog.catalog.serve(self.org, &wanted)?;
        served.llm.with_context(|| format!("{provider} is no model"))
    }

    /// The order of a call to this telephone, and the number it is called by.
    fn order(&self, phone: &Phone, definition: Assistant, written: &Written) -> anyhow::Result<(E164, PlaceCall)> {
        let place = self.numbers.fetch_add(1, Ordering::Relaxed);
        if place >= MOST_SCENARIOS {
            bail!("more than {MOST_SCENARIOS} scenarios in one run");
        }
        let to: E164 = format!("{NUMBERS}{place:03}").parse().context("the number of a scenario is no number")?;
        let from: E164 = OURS.parse().context("our number is no number")?;
        let peer = phone.address();
        let route = TrunkRoute {
            trunk: TrunkId::from_u128(1),
            flow: Flow { listener: self.listener.id, transport: self.listener.transport, peer },
            sent_by: None,
            domain: HostPort::from(peer),
            credentials: None,
            signing: Signing::default(),
            media: MediaTerms::default(),
            wording: Wording::default(),
            conduct: Manner::default(),
        };
        let assistant = AssistantVersion {
            id: AssistantVersionId::generate(),
            assistant: AssistantId::generate(),
            version: 1,
            definition,
        };
        let variables = written.variables.iter().map(|(name, value)| (name.clone(), Pii::new(value.clone())));
        let order = PlaceCall {
            call: CallId::generate(),
            org: self.org,
            attempt: AttemptId::generate(),
            leg: LegId::generate(),
            target: TargetId::generate(),
            trunk: route.trunk,
            invite: InvitePlan::new(&route, &to, Some(&from)),
            to: Pii::new(to.clone()),
            from: Some(Pii::new(from)),
            credentials: None,
            evidence: TrunkEvidence::default(),
            assistant: Arc::new(assistant),
            variables: variables.collect(),
            ring_timeout: Duration::from_secs(60),
            max_duration: Duration::from_secs(written.limit_s.into()),
            early_hangup: Duration::ZERO,
            send_before: Latest::at(time::now().mono + Duration::from_secs(30)),
        };
        Ok((to, order))
    }

    /// Takes the call and plays the caller; whatever rings after that is for a colleague. How far the part was played.
    async fn answer(&self, phone: &mut Phone, scenario: &Scenario, part: Part) -> anyhow::Result<Course> {
        let ringing = phone.rings().await?;
        tokio::time::sleep(Duration::from_millis(scenario.written.caller.answer_after_ms.into())).await;
        let line = ringing.answer(&self.ports, &self.workers).await?;
        let colleagues = async {
            loop {
                let ringing = phone.rings().await?;
                self.colleague(scenario, ringing).await?;
            }
        };
        tokio::select! {
            done = part.play(line) => done,
            error = colleagues => error,
        }
    }

    /// Somebody to whom the caller may be handed over.
    async fn colleague(&self, scenario: &Scenario, ringing: Ringing) -> anyhow::Result<()> {
        let dialed = ringing.dialed();
        let of_dialed = scenario.assistant.transfers.iter().find(|transfer| transfer.to.expose().contains(&dialed));
        let name = of_dialed.map(|transfer| transfer.name.as_str()).unwrap_or_default();
        match scenario.written.transfers.get(name).copied().unwrap_or(Colleague::Answers) {
            Colleague::Declines => ringing.refuse(StatusCode::DECLINE).await,
            Colleague::Busy => ringing.refuse(StatusCode::BUSY_HERE).await,
            Colleague::Answers => {
                let asked = of_dialed.is_some_and(|transfer| transfer.kind == TransferManner::Warm);
                let part = Part::of_colleague(asked, &scenario.assistant.language, &*self.tts).await?;
                let line = ringing.answer(&self.ports, &self.workers).await?;
                part.play(line).await.map(|_| ())
            }
        }
    }
}

/// Whether an address is on this machine.
fn is_here(base_url: &str) -> bool {
    let url = reqwest::Url::parse(base_url).ok();
    url.as_ref().and_then(reqwest::Url::host_str).is_some_and(|host| {
        let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

/// Follows an attempt to its end.
async fn ended(mut attempt: mpsc::Receiver<AttemptEvent>) -> anyhow::Result<CallReport> {
    while let Some(event) = attempt.recv().await {
        match event {
            AttemptEvent::NotPlaced(why) => bail!("the call was not made: {why}"),
            AttemptEvent::Ended(report) => return Ok(*report),
            AttemptEvent::Redirected { .. }
            | AttemptEvent::Ringing { .. }
            | AttemptEvent::Answered { .. }
            | AttemptEvent::InConversation { .. } => {}
        }
    }
    bail!("the call vanished")
}
