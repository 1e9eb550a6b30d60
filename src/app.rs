//! The server put together: opens what is below, starts what runs, ends it in order.

pub mod clerk;
pub(crate) mod first_start;
mod inbound;
mod predecessor;
mod recorders;
pub mod records;
pub(crate) mod voice;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use callwright_sip::endpoint::Config as SipConfig;
use callwright_sip::trace::Limits;
use callwright_sip::trace::hep::Agent;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::access::Entry;
use crate::api::{Api, router};
use crate::call::call::CallConfig;
use crate::call::insight::Insight;
use crate::call::providers::{Providers, StandIn, Vendors};
use crate::call::record::Recorder;
use crate::call::registry::{Calls, Services};
use crate::call::transfer::TransferConfig;
use crate::config::{Config, ProviderConfig};
use crate::console::Console;
use crate::dialer::status::DialerStatus;
use crate::dialer::task as dialer;
use crate::id::NodeId;
use crate::import::{self, Imports};
use crate::lookup::{self, Lookups};
use crate::net::media_worker::MediaWorkers;
use crate::net::ports::RtpPorts;
use crate::net::sip_driver::{self, BoundListener, Doors};
use crate::net::sip_instance;
use crate::net::sip_tls::SipTls;
use crate::net::web::Web;
use crate::net::webrtc::sessions::WebRtc;
use crate::provider::catalog::{self, Catalog, Sealer};
use crate::provider::prompts::Prompts;
use crate::recording::keeper::{Counters, Keeper};
use crate::recording::remote::Remote;
use crate::recording::vault::Vault;
use crate::recording::workers::Workers;
use crate::replay::keeper::Replays;
use crate::shutdown::Shutdown;
use crate::sight::keeper::{Capture, Parts as SightParts};
use crate::sight::tap::Tapping;
use crate::sight::{self, Sight};
use crate::siprec::Recorders;
use crate::stir::WebSource;
use crate::stir::service::IdentityService;
use crate::store::Db;
use crate::store::db::Settings;
use crate::telemetry::export;
use crate::telemetry::metrics::Metrics;
use crate::toolbox::Toolbox;
use crate::trunk::keeper;
use crate::trunk::resolve::Resolver;
use crate::trunk::route::Router;

/// How long live calls may go on after the server was asked to end. Then they say goodbye.
const DRAIN: Duration = Duration::from_secs(330);

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Where the REST API listens.
    pub http: SocketAddr,
    /// Where SIP listens.
    pub sip: Vec<BoundListener>,
    /// Where Prometheus asks, if it may.
    pub metrics: Option<SocketAddr>,
    /// The API key, only at the first start on a database: it is not stored.
    pub first_key: Option<SecretString>,
    /// The code with which the first user is made, while there is none.
    pub setup_code: Option<SecretString>,
    /// Whether the program has the console.
    pub console: bool,
    shutdown: Shutdown,
    tasks: TaskTracker,
}

impl Server {
    /// Waits until the server has ended after [`Shutdown::drain`] or [`Shutdown::stop`] was cancelled.
    pub async fn finished(self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.shutdown.stop.cancel();
    }
}

/// Starts a server. It runs until `shutdown` says otherwise.
///
/// # Errors
/// When a folder, the database, an address or a program that it needs is not to be had; the error says which.
pub async fn start(config: Config, shutdown: Shutdown) -> anyhow::Result<Server> {
    std::fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("cannot make the data folder {}", config.data_dir.display()))?;
    let db = open(&config).await?;
    let first = first_start::prepare(&db).await.context("the database cannot be prepared")?;
    let secrets = Arc::new(first.secrets);
    let entry = Entry::default();
    let setup_code = first.no_user.then(|| entry.setup.issue());
    let voice = voice::offline(&config)?;
    let catalog = vendors(&config, &db, voice.prompts).await?;
    let providers: Arc<dyn Providers> = {
        let manners = StandIn { warm_spare: config.agent.warm_spare, offline: config.agent.offline_stand_in };
        Arc::new(Vendors { catalog: catalog.clone(), offline: voice.providers, manners })
    };
    let status = DialerStatus::default();

    let tls = SipTls::new(&config.sip.tls).context("SIP over TLS cannot be set up")?;
    let (names, faults) = (tls.names().clone(), tls.faults().clone());
    let instance = sip_instance::instance(&config.data_dir).context("registrars cannot be told who this is")?;
    let (tap, tapping) = sight::tap::tap();
    let seen = config.sip.trace.enabled;
    let sip = sip_driver::start_tapped(
        &config.sip.listeners,
        Doors { tls, websocket: config.sip.websocket.clone() },
        SipConfig {
            max_sessions: config.sip.max_calls.saturating_add(64),
            registrar: true,
            replaceable: true,
            instance: Some(instance),
            ..SipConfig::default()
        },
        config.sip.guard.protection(),
        rand::random(),
        seen.then_some(tap),
        shutdown.stop.clone(),
    )
    .await
    .context("SIP cannot listen")?;
    let web = Web::new(config.outbound.clone()).context("HTTP requests cannot be set up")?;
    let lookups = Lookups::new(db.clone(), Some(catalog.clone()));
    let named = config.outbound.secrets.clone();
    let toolbox = Toolbox::new(db.clone(), lookups.clone(), Arc::clone(&secrets), web.clone(), named);
    let ports = RtpPorts::new(config.media.bind, config.media.port_min..=config.media.port_max, rand::random());
    let services = Services {
        sip: sip.handle.clone(),
        listeners: sip.bound.clone(),
        ports: ports.clone(),
        workers: MediaWorkers::start(workers(&config)).context("the media threads do not start")?,
        recorder: Some(Recorder::start().context("the recorder does not start")?),
        recordings: config.recordings_dir(),
        max_calls: config.sip.max_calls,
        providers: Arc::clone(&providers),
        toolbox: Arc::new(toolbox),
        clocks: CallConfig {
            no_audio: Duration::from_secs(config.media.no_audio_s.into()),
            transferred: Duration::from_secs(config.sip.transferred_max_s.into()),
            transfer: TransferConfig { refer_allowed: config.sip.refer, ..TransferConfig::default() },
            ..CallConfig::default()
        },
        secret: secrets.leg,
    };
    let certificates = WebSource::new(config.outbound.clone()).context("certificates cannot be fetched")?;
    let identity = IdentityService::load(config.sip.identity.clone(), Arc::new(certificates));
    let identity = Arc::new(identity.context("configuration")?);
    let (calls, inbound_reports) = Calls::new(services);
    calls.set_identity(Arc::clone(&identity));
    let tasks = TaskTracker::new();
    let sight = match seen {
        true => Some(watch(&config, &db, tapping, sip.bound.clone(), &tasks, &shutdown).await?),
        false => None,
    };
    calls.set_insight(Insight { sight, ..insight(&config, &tasks, &shutdown)? });
    let metrics = match config.telemetry.metrics_listen {
        Some(listen) => Some(serve_metrics(listen, &calls, &tasks, &shutdown).await?),
        None => None,
    };
    let resolver = Resolver::new(&config.sip.dns, &sip.bound);
    let router = Router { listeners: sip.bound.clone(), resolver, names, faults, ..Router::default() };
    let recorders = Recorders::new(sip.handle.clone(), router.clone(), sip.bound.clone(), ports);
    calls.set_recorders(recorders.clone());

    let remote = config.recording.store.as_ref().map(Remote::new).transpose();
    let remote = remote.context("recordings cannot be taken to the object store of the settings")?;
    let (vault, recorded) = (Vault::new(config.recordings_dir(), remote), Counters::default());
    let threads = config.recording.threads();
    let encoders = Workers::start(threads, vault.folder(), config.recording.format);
    let recordings = Keeper {
        db: db.clone(),
        vault: vault.clone(),
        workers: encoders.context("no thread encodes recordings")?,
        at_once: threads,
        format: config.recording.format,
        counters: recorded.clone(),
    };

    let http = TcpListener::bind(config.http.listen)
        .await
        .with_context(|| format!("the API cannot listen on {}", config.http.listen))?;
    let address = http.local_addr().context("the API has no address")?;
    let imports = Imports::new(config.data_dir.join("imports"));
    let api = Api {
        db: db.clone(),
        secrets: Arc::clone(&secrets),
        lexicon: Some(voice.lexicon),
        vault: vault.clone(),
        recorded: recorded.clone(),
        catalog: catalog.clone(),
        lookups: lookups.clone(),
        calls: calls.clone(),
        webrtc: WebRtc::start(config.webrtc.clone(), rand::random()).context("there are no sessions with browsers")?,
        dialer: status.clone(),
        trunks: router.clone(),
        web,
        imports: imports.clone(),
        config: Arc::new(config.http.clone()),
        readers: Arc::new(Semaphore::new(config.http.event_readers)),
        listeners: Arc::new(Semaphore::new(config.http.call_listeners)),
        tickets: Arc::default(),
        entry: entry.clone(),
        console: Console::default(),
    };
    let console = api.console.is_there();

    let node = NodeId::generate();
    let mark = predecessor::Mark::take(&config.data_dir, node)?;
    let parts = dialer::Parts {
        db: db.clone(),
        calls: calls.clone(),
        router: router.clone(),
        providers,
        status,
        secret: secrets.leg,
        phones: secrets.phone.clone(),
        lease: Duration::from_secs(config.store.lease_s.into()),
        node,
        predecessors: mark.predecessors().to_vec(),
    };
    let dialer = dialer::start(parts, shutdown.clone()).await.context("the dialer does not start")?;
    // What they left behind is written down as ours now.
    mark.forget_predecessors()?;

    tasks.spawn(identity.keep(shutdown.stop.clone()));
    tasks.spawn(lookup::keep(lookups, shutdown.clone()));
    tasks.spawn(clerk::keep(db.clone(), config.recordings_dir(), config.sip.trace.days, shutdown.clone()));
    tasks.spawn(import::keep(db.clone(), secrets.phone.clone(), imports, shutdown.clone()));
    tasks.spawn(recordings.keep(shutdown.stop.clone()));
    tasks.spawn(catalog::keep(db.clone(), catalog, shutdown.clone()));
    tasks.spawn(router.resolver.clone().keep(shutdown.stop.clone()));
    tasks.spawn(recorders::keep(db.clone(), recorders.clone(), shutdown.clone()));
    tasks.spawn(inbound::keep_routes(db.clone(), calls.clone(), sip.handle.clone(), router.clone(), shutdown.clone()));
    tokio::spawn(keeper::answer(sip.registers, sip.handle.clone(), router.status.clone()));
    let expires = Duration::from_secs(config.sip.register_expires_s.into());
    let registrations = keeper::Parts { db: db.clone(), sip: sip.handle, router, expires, node };
    let registrations = tokio::spawn(keeper::keep(registrations, shutdown.clone()));
    tasks.spawn(records::keep_inbound(db.clone(), inbound_reports, shutdown.stop.clone()));
    tokio::spawn({
        let calls = calls.clone();
        async move { calls.serve(sip.incoming).await }
    });
    tasks.spawn(serve_http(http, api, shutdown.clone()));
    tasks.spawn(end_calls((calls, recorders), [dialer.task, registrations], mark, shutdown.clone()));
    Ok(Server { http: address, sip: sip.bound, metrics, first_key: first.key, setup_code, console, shutdown, tasks })
}

/// Shows Prometheus the figures.
async fn serve_metrics(
    listen: SocketAddr,
    calls: &Calls,
    tasks: &TaskTracker,
    shutdown: &Shutdown,
) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(listen).await.with_context(|| format!("no figures can be shown on {listen}"))?;
    let address = listener.local_addr().context("figures have no address")?;
    tasks.spawn(Metrics::start()?.serve(listener, calls.clone(), shutdown.stop.clone()));
    Ok(address)
}

/// Keeps what calls say over SIP.
async fn watch(
    config: &Config,
    db: &Db,
    tapping: Tapping,
    listeners: Vec<BoundListener>,
    tasks: &TaskTracker,
    shutdown: &Shutdown,
) -> anyhow::Result<Sight> {
    let trace = &config.sip.trace;
    let limits = Limits { messages: trace.max_messages, bytes: trace.max_bytes, ..Limits::default() };
    let sight = Sight::new(limits);
    let capture = match &trace.hep {
        Some(hep) => {
            let key = hep.password.as_ref().map(|password| password.expose_secret().as_bytes().to_vec());
            let capture = Capture::new(hep.address, Agent { id: hep.capture_id, key }).await;
            Some(capture.with_context(|| format!("the capture server {} cannot be told", hep.address))?)
        }
        None => None,
    };
    let parts = SightParts { sight: sight.clone(), tapping, listeners, capture, db: db.clone() };
    tasks.spawn(sight::keeper::keep(parts, shutdown.stop.clone()));
    Ok(sight)
}

/// Who looks at calls while they go on.
fn insight(config: &Config, tasks: &TaskTracker, shutdown: &Shutdown) -> anyhow::Result<Insight> {
    let replays = config.insight.replay.keep().map(Replays::start).transpose().context("no thread writes replays")?;
    let collector = config.telemetry.collector(|name| std::env::var(name).ok());
    let spans = match collector {
        Some(collector) => {
            let (spans, sending) = export::start(&collector, &config.telemetry.service_name, shutdown.stop.clone())?;
            tasks.spawn(sending);
            Some(spans)
        }
        None => None,
    };
    Ok(Insight { replays, spans, ..Insight::default() })
}

async fn open(config: &Config) -> anyhow::Result<Db> {
    let mut settings = Settings::new(config.database_url().expose_secret());
    settings.connections = config.store.connections;
    Db::open(&settings).await.context("the database cannot be opened")
}

/// The vendors of the settings and of the database.
pub(crate) async fn vendors(config: &Config, db: &Db, prompts: Arc<Prompts>) -> anyhow::Result<Catalog> {
    let sealer = Sealer::open(config.master_key.as_ref(), &config.master_key_file(), rand::random())
        .context("vendors' keys cannot be encrypted")?;
    let fixed = config.providers.iter().map(ProviderConfig::fixed).collect();
    let catalog = Catalog::new(fixed, sealer, prompts);
    if let Some(error) = catalog.unusable() {
        anyhow::bail!("configuration: providers: {error}");
    }
    catalog::load(db, &catalog).await.context("the providers cannot be read")?;
    Ok(catalog)
}

/// One worker for each core unless the settings say otherwise.
fn workers(config: &Config) -> usize {
    match config.media.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        count => count,
    }
}

async fn serve_http(listener: TcpListener, api: Api, shutdown: Shutdown) {
    let service = router(api).into_make_service_with_connect_info::<SocketAddr>();
    // The API answers while calls drain, so that an operator sees what goes on.
    let served = axum::serve(listener, service).with_graceful_shutdown(async move {
        shutdown.stop.cancelled().await;
    });
    if let Err(error) = served.await {
        tracing::error!(%error, "the API has ended");
    }
}

/// Lets live calls finish after a drain was asked for, then ends what is left and everything else.
async fn end_calls(
    (calls, recorders): (Calls, Recorders),
    others: [JoinHandle<()>; 2],
    mark: predecessor::Mark,
    shutdown: Shutdown,
) {
    shutdown.asked().await;
    let drained = async {
        calls.drain().await;
        recorders.drain().await;
        for other in others {
            if let Err(error) = other.await {
                tracing::error!(%error, "the dialer or the registrations did not end in order");
            }
        }
    };
    tokio::select! {
        () = drained => {}
        () = tokio::time::sleep(DRAIN) => tracing::warn!(live = calls.len(), "calls did not end in time"),
        () = shutdown.stop.cancelled() => {}
    }
    shutdown.stop.cancel();
    drop(mark);
}
