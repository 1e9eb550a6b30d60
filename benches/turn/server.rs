//! The server, as far as calls need it: SIP, media, recordings, replay files, and three vendors.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use callwright::agent::assistant::{Assistant, AssistantVersion};
use callwright::agent::record::TurnTiming;
use callwright::call::call::CallConfig;
use callwright::call::insight::Insight;
use callwright::call::outcome::TrunkEvidence;
use callwright::call::place::{AttemptEvent, CallPlacer, PlaceCall};
use callwright::call::providers::{Lineup, NoProvider, Providers};
use callwright::call::record::Recorder;
use callwright::call::registry::{Calls, Services};
use callwright::call::tools::NoTools;
use callwright::config::{ListenerConfig, SipTransport};
use callwright::id::{AssistantId, AssistantVersionId, AttemptId, CallId, LegId, OrgId, TargetId, TrunkId};
use callwright::net::media_worker::MediaWorkers;
use callwright::net::ports::RtpPorts;
use callwright::net::sip_driver::{self, BoundListener};
use callwright::pii::Pii;
use callwright::provider::bot::Bot;
use callwright::provider::cartesia::speech;
use callwright::provider::deepgram::listen_v1::Nova;
use callwright::provider::llm::LanguageModel;
use callwright::provider::media_streams::MediaStreams;
use callwright::provider::openai::chat::Chat;
use callwright::provider::prompts::Prompts;
use callwright::provider::tts::Voice;
use callwright::provider::vendor::Vendor;
use callwright::provider::witness::Witness;
use callwright::replay::keeper::{Keep, Replays};
use callwright::time;
use callwright::trunk::callers::Wording;
use callwright::trunk::media::MediaTerms;
use callwright::trunk::plan::{InvitePlan, Signing, TrunkRoute};
use callwright::trunk::signalling::Manner;
use callwright_loadtest::vendors::KEY;
use callwright_sip::endpoint::{Config, Flow};
use callwright_sip::message::HostPort;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A voice over the agent's is judged so long after its onset at the latest.
pub(crate) const BARGE_IN: Duration = Duration::from_millis(460);

/// Who leads the calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leader {
    /// A model, with a recogniser and a voice.
    Model,
    /// A bot elsewhere.
    Bot,
}

impl Leader {
    /// The process in which it runs.
    pub(crate) const fn process(self) -> &'static str {
        match self {
            Self::Model => "vendors",
            Self::Bot => "bot",
        }
    }
}

/// A server that places calls.
pub(crate) struct Server {
    pub(crate) calls: Calls,
    listener: BoundListener,
    assistant: Arc<AssistantVersion>,
    folder: PathBuf,
    stop: CancellationToken,
}

impl Server {
    pub(crate) async fn start(leader: Leader, at: SocketAddr) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("callwright-bench-turn-{}", std::process::id()));
        let stop = CancellationToken::new();
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = ListenerConfig { transport: SipTransport::Udp, bind, external: None, external_media: None };
        let config = Config { max_sessions: 4_096, ..Config::default() };
        let sip = sip_driver::start(&[listener], config, rand::random(), stop.clone()).await?;
        let listener = sip.bound[0].clone();
        let services = Services {
            sip: sip.handle,
            listeners: sip.bound,
            ports: RtpPorts::new(Ipv4Addr::LOCALHOST.into(), 40_000..=49_998, rand::random()),
            workers: MediaWorkers::start(2)?,
            recorder: Some(Recorder::start()?),
            recordings: folder.join("recordings"),
            providers: Arc::new(Staff::new(leader, at, folder.join("prompts"))?),
            toolbox: Arc::new(NoTools),
            clocks: CallConfig::default(),
            secret: rand::random(),
            max_calls: 4_096,
        };
        let (calls, _) = Calls::new(services);
        calls.set_insight(Insight { replays: Some(Replays::start(Keep::default())?), ..Insight::default() });
        Ok(Self { calls, listener, assistant: assistant(leader)?, folder, stop })
    }

    /// Calls the callers; the call lasts as long as they do.
    pub(crate) async fn place(&self, callers: SocketAddr) -> mpsc::Receiver<AttemptEvent> {
        let flow = Flow { listener: self.listener.id, transport: self.listener.transport, peer: callers };
        let domain = HostPort::from(callers);
        let route = TrunkRoute {
            trunk: TrunkId::from_u128(1),
            flow,
            sent_by: None,
            domain,
            credentials: None,
            signing: Signing::default(),
            media: MediaTerms::default(),
            wording: Wording::default(),
            conduct: Manner::default(),
        };
        let to = "+4930901820".parse().expect("a number");
        self.calls.place(PlaceCall {
            call: CallId::generate(),
            org: OrgId::from_u128(1),
            attempt: AttemptId::generate(),
            leg: LegId::generate(),
            target: TargetId::generate(),
            trunk: route.trunk,
            invite: InvitePlan::new(&route, &to, None),
            to: Pii::new(to),
            from: None,
            credentials: None,
            evidence: TrunkEvidence::default(),
            assistant: Arc::clone(&self.assistant),
            variables: Default::default(),
            ring_timeout: Duration::from_secs(30),
            max_duration: Duration::from_secs(3_600),
            early_hangup: Duration::from_secs(1),
            send_before: time::Latest::at(time::now().mono + Duration::from_secs(10)),
        })
    }
}

impl Server {
    /// Ends all calls; what they recorded about their turns.
    pub(crate) async fn hang_up(&self, attempts: Vec<mpsc::Receiver<AttemptEvent>>) -> Vec<TurnTiming> {
        for call in self.calls.list() {
            let _ = self.calls.hang_up(call.call);
        }
        let mut turns = Vec::new();
        for mut attempt in attempts {
            while let Some(event) = attempt.recv().await {
                if let AttemptEvent::Ended(report) = event {
                    turns.extend_from_slice(&report.conversation.turns);
                }
            }
        }
        turns
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// One that greets and talks. Answers are not prepared before a turn is over, so that every step stands in the wait.
fn assistant(leader: Leader) -> anyhow::Result<Arc<AssistantVersion>> {
    let definition: Assistant = serde_json::from_value(match leader {
        Leader::Model => serde_json::json!({
            "name": "Bench",
            "mode": "llm",
            "greeting": "Hello, how can I help you today?",
            "prompt": "You answer questions.",
            "turn": { "eager": false },
            "providers": { "stt": ["ears"], "llm": ["model"], "tts": ["voice"] },
        }),
        Leader::Bot => serde_json::json!({ "name": "Bench", "mode": "external", "providers": { "bot": "bot" } }),
    })?;
    let id = AssistantVersionId::from_u128(1);
    Ok(Arc::new(AssistantVersion { id, assistant: AssistantId::from_u128(1), version: 1, definition }))
}

struct Staff {
    lineup: Lineup,
}

impl Staff {
    fn new(leader: Leader, at: SocketAddr, prompts: PathBuf) -> anyhow::Result<Self> {
        let vendor = |name: &str, address: String| Vendor {
            base_url: address,
            key: Some(KEY.into()),
            capacity: 4_096,
            ..Vendor::named(name)
        };
        let mut ears = vendor("ears", format!("http://{at}"));
        ears.options.insert("lag_ms".to_owned(), 300.into());
        let prompts = Arc::new(Prompts::open(prompts, 1 << 24)?);
        let (mut llm, mut bot) = (None::<Arc<dyn LanguageModel>>, None::<Arc<dyn Bot>>);
        match leader {
            Leader::Model => llm = Some(Arc::new(Chat::new(vendor("model", format!("http://{at}/v1")))?)),
            Leader::Bot => bot = Some(Arc::new(MediaStreams::new(vendor("bot", format!("ws://{at}")))?)),
        }
        Ok(Self {
            lineup: Lineup {
                stt: Arc::new(Nova::new(ears)?),
                stand_in: None,
                tts: Arc::new(speech::synthesiser(vendor("voice", format!("http://{at}")), prompts)?),
                voice: Voice::default(),
                llm,
                s2s: None,
                bot,
                witness: Witness::default(),
            },
        })
    }
}

impl Providers for Staff {
    fn lineup(&self, _: OrgId, _: &Assistant) -> Result<Lineup, NoProvider> {
        Ok(self.lineup.clone())
    }

    fn capacity(&self) -> usize {
        4_096
    }
}
