//! Settings of one server process: defaults, then `callwright.toml`, then `CALLWRIGHT_…` variables.
//!
//! A nested field is reached with two underscores: `CALLWRIGHT_HTTP__LISTEN=0.0.0.0:8480` is `listen` of `[http]`.
//! They are read once at start; nothing else reads the environment.

mod agent;
mod guard;
mod http;
mod identity;
mod insight;
mod media;
mod outbound;
mod providers;
mod recording;
mod recording_store;
mod sip;
mod sip_trace;
mod store;
mod telemetry;
mod webrtc;

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub use self::agent::AgentConfig;
pub use self::guard::{SipGuardConfig, Strangers};
pub use self::http::HttpConfig;
pub use self::identity::IdentityConfig;
pub use self::insight::{InsightConfig, ReplayFiles};
pub use self::media::MediaConfig;
pub use self::outbound::OutboundConfig;
pub use self::providers::ProviderConfig;
pub use self::recording::{RecordingConfig, RecordingFormat};
pub use self::recording_store::RecordingStoreConfig;
pub use self::sip::{ListenerConfig, SipConfig, SipTransport, TlsFiles, WebsocketConfig};
pub use self::sip_trace::{HepConfig, SipTraceConfig};
pub use self::store::StoreConfig;
pub use self::telemetry::{Collector, TelemetryConfig};
pub use self::webrtc::{IceServer, WebRtcConfig};

/// Variables of the program that are no settings of the server: logging begins before these are read, and `callwright sip`
/// reads none of them.
const NO_SETTINGS: &[&str] = &["log", "log_format", "server", "key"];

/// All settings of a server process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where everything the server writes lives: database, recordings, prompt cache. Default `data`.
    pub data_dir: PathBuf,
    /// The REST API.
    pub http: HttpConfig,
    /// Database and leases.
    pub store: StoreConfig,
    /// SIP listeners.
    pub sip: SipConfig,
    /// RTP ports and workers.
    pub media: MediaConfig,
    /// Recordings after the call.
    pub recording: RecordingConfig,
    /// Sessions with browsers.
    pub webrtc: WebRtcConfig,
    /// Offline voice and recogniser.
    pub agent: AgentConfig,
    /// Addresses that people typed in: pages to read, webhooks to call.
    pub outbound: OutboundConfig,
    /// Vendors of speech and models that every organisation may use. Others come over the API.
    pub providers: Vec<ProviderConfig>,
    /// What vendors' keys are encrypted with: 32 bytes in hexadecimal or base64. Nodes that share a database need the
    /// same. Default: the file `master.key` in the data folder, made at the first start.
    #[serde(skip_serializing)]
    pub master_key: Option<SecretString>,
    /// What calls leave behind to be understood by.
    pub insight: InsightConfig,
    /// Traces.
    pub telemetry: TelemetryConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            http: HttpConfig::default(),
            store: StoreConfig::default(),
            sip: SipConfig::default(),
            media: MediaConfig::default(),
            recording: RecordingConfig::default(),
            webrtc: WebRtcConfig::default(),
            agent: AgentConfig::default(),
            outbound: OutboundConfig::default(),
            providers: Vec::new(),
            master_key: None,
            insight: InsightConfig::default(),
            telemetry: TelemetryConfig::default(),
        }
    }
}

/// The settings cannot be used: the operator's fault, told with the field.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or variable does not parse, or names a field that does not exist.
    #[error("configuration: {0}")]
    Unreadable(Box<figment::Error>),
    /// A value parses but cannot work.
    #[error("configuration: {field}: {problem}")]
    Invalid {
        /// Dotted path of the field.
        field: &'static str,
        /// What is wrong and what to write instead.
        problem: String,
    },
}

impl Config {
    /// Reads the settings. `file` must exist when it is named; without a name `callwright.toml` is read if it is there.
    ///
    /// # Errors
    /// [`ConfigError`] names the field and the remedy.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        if let Some(path) = file
            && !path.is_file()
        {
            return Err(ConfigError::Invalid {
                field: "--config",
                problem: format!("{} is not a readable file", path.display()),
            });
        }
        let file = file.unwrap_or_else(|| Path::new("callwright.toml"));
        Self::extract(
            Figment::from(Serialized::defaults(Self::default()))
                .merge(Toml::file(file))
                .merge(Env::prefixed("CALLWRIGHT_").ignore(NO_SETTINGS).split("__")),
        )
    }

    /// Database URL: the configured one, else SQLite inside the data folder. It may hold a password.
    #[must_use]
    pub fn database_url(&self) -> SecretString {
        let embedded = || format!("sqlite:{}", self.data_dir.join("callwright.db").display()).into();
        self.store.url.clone().unwrap_or_else(embedded)
    }

    /// Folder of the recordings.
    #[must_use]
    pub fn recordings_dir(&self) -> PathBuf {
        self.data_dir.join("recordings")
    }

    /// The file that holds the master key unless one is set.
    #[must_use]
    pub fn master_key_file(&self) -> PathBuf {
        self.data_dir.join("master.key")
    }

    /// Folder of synthesised prompts.
    #[must_use]
    pub fn prompts_dir(&self) -> PathBuf {
        self.agent.prompts_dir.clone().unwrap_or_else(|| self.data_dir.join("prompts"))
    }

    fn extract(figment: Figment) -> Result<Self, ConfigError> {
        let mut config: Self = figment.extract().map_err(|e| ConfigError::Unreadable(Box::new(e)))?;
        for provider in &mut config.providers {
            provider.resolve(|variable| std::env::var(variable).ok())?;
        }
        config.http.validate()?;
        config.sip.validate()?;
        config.media.validate()?;
        config.webrtc.validate()?;
        config.store.validate()?;
        config.recording.validate()?;
        config.agent.validate()?;
        providers::validate(&config.providers)?;
        config.telemetry.validate()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn from_toml(text: &str) -> Result<Config, ConfigError> {
        Config::extract(Figment::from(Serialized::defaults(Config::default())).merge(Toml::string(text)))
    }

    #[test]
    fn defaults_are_valid_and_stay_on_loopback() {
        let config = from_toml("").expect("defaults are valid");
        assert!(config.http.listen.ip().is_loopback());
        assert!(config.sip.listeners.iter().all(|l| l.bind.ip().is_loopback()));
        assert_eq!(config.database_url().expose_secret(), "sqlite:data/callwright.db");
    }

    #[test]
    fn a_file_overrides_single_fields() {
        let config = from_toml("[http]\nlisten = '127.0.0.1:9000'\n[media]\nport_min = 30000\n").expect("valid");
        assert_eq!(config.http.listen.port(), 9000);
        assert_eq!((config.media.port_min, config.media.port_max), (30000, 39998));
    }

    #[test]
    fn faults_name_the_field() {
        let unknown = from_toml("[http]\nlisen = '127.0.0.1:9000'\n").expect_err("unknown field").to_string();
        assert!(unknown.contains("lisen"), "{unknown}");
        let ports = from_toml("[media]\nport_min = 40000\nport_max = 30000\n").expect_err("empty range").to_string();
        assert!(ports.contains("media.port_max"), "{ports}");
        let external = from_toml("[[sip.listeners]]\ntransport = 'udp'\nbind = '0.0.0.0:5060'\n");
        let external = external.expect_err("no address a peer could use").to_string();
        assert!(external.contains("sip.listeners.external"), "{external}");
        let scanners = from_toml("[sip.guard]\nscanners = ['']\n").expect_err("it matches all").to_string();
        assert!(scanners.contains("sip.guard.scanners"), "{scanners}");
        let half = from_toml("[sip.tls]\ncertificate = 'own.pem'\n").expect_err("a key is missing").to_string();
        assert!(half.contains("sip.tls.key"), "{half}");
        let proxy = from_toml("[http]\ntrusted_proxies = ['proxy.example']\n").expect_err("a name").to_string();
        assert!(proxy.contains("http.trusted_proxies") && proxy.contains("proxy.example"), "{proxy}");
        let closed = from_toml("[sip.tls]\nclient_trusted = 'ca.pem'\n").expect_err("nobody can connect").to_string();
        assert!(closed.contains("sip.tls.client_trusted") && closed.contains("sip.tls.certificate"), "{closed}");
        let path = from_toml("[sip.websocket]\npath = 'sip?x'\n").expect_err("it is none").to_string();
        assert!(path.contains("sip.websocket.path") && path.contains("begin it with /"), "{path}");
        let bucket = from_toml("[recording.store]\nbucket = 'My Calls'\n").expect_err("it is none").to_string();
        assert!(bucket.contains("recording.store.bucket"), "{bucket}");
        let half = "[recording.store]\nbucket = 'calls'\naccess_key_id = 'AKIA-not-told'\n";
        let half = from_toml(half).expect_err("a key is missing").to_string();
        assert!(half.contains("recording.store.secret_access_key") && !half.contains("AKIA"), "{half}");
        let page = "[sip.websocket]\norigins = ['https://phone.example.org', 'https://phone.example.org/']\n";
        let page = from_toml(page).expect_err("an origin has no path").to_string();
        assert!(page.contains("sip.websocket.origins") && page.contains("phone.example.org/"), "{page}");
    }
}
