//! Asks the DNS what the locator of SIP servers wants to know.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use callwright_sip::locate::{Answer, Naptr, Question, Srv};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};
use tokio::sync::Semaphore;

/// How long one try of a name server may take; with the second try it stays within what the locator waits.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Tries of one question.
const TRIES: usize = 2;
/// Questions under way at one time; further ones wait.
const AT_ONCE: usize = 32;
/// How long "there is none" holds where the zone does not say.
const UNSAID: Duration = Duration::from_secs(30);

/// The name servers. Cloning shares them.
#[derive(Clone)]
pub(super) struct Dns {
    /// None where the system names no server: nothing can be looked up.
    resolver: Option<Arc<TokioResolver>>,
    places: Arc<Semaphore>,
}

impl Dns {
    /// These servers, or those of the system when there are none.
    pub(super) fn new(servers: &[SocketAddr]) -> Self {
        let built = match servers {
            [] => TokioResolver::builder_tokio().and_then(build),
            servers => {
                let config = ResolverConfig::from_name_servers(servers.iter().map(name_server).collect());
                build(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()))
            }
        };
        let resolver = built.inspect_err(|error| tracing::warn!(%error, "names of trunks cannot be looked up")).ok();
        Self { resolver: resolver.map(Arc::new), places: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The answer to a question, within five seconds of its turn.
    pub(super) async fn ask(&self, question: &Question) -> Answer {
        let Some(resolver) = &self.resolver else { return Answer::Failed };
        let Ok(_place) = self.places.acquire().await else { return Answer::Failed };
        let (name, kind) = match question {
            // Names of services are whole ones. Those of hosts may be short ones of this network.
            Question::Naptr(name) => (format!("{name}."), RecordType::NAPTR),
            Question::Srv(name) => (format!("{name}."), RecordType::SRV),
            Question::A(name) => (name.clone(), RecordType::A),
            Question::Aaaa(name) => (name.clone(), RecordType::AAAA),
        };
        match resolver.lookup(name, kind).await {
            Ok(found) => answer(kind, found.answers()),
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                Answer::Nothing(none.negative_ttl.map_or(UNSAID, |seconds| Duration::from_secs(seconds.into())))
            }
            Err(error) => {
                tracing::debug!(%error, "the DNS does not answer");
                Answer::Failed
            }
        }
    }
}

impl std::fmt::Debug for Dns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dns").finish_non_exhaustive()
    }
}

fn build(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<TokioResolver, NetError> {
    let options = builder.options_mut();
    options.timeout = TIMEOUT;
    options.attempts = TRIES;
    // The locator remembers, and knows when to ask again.
    options.cache_size = 0;
    builder.build()
}

fn name_server(server: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    let connections = connections.map(|mut connection| {
        connection.port = server.port();
        connection
    });
    NameServerConfig::new(server.ip(), true, connections.into())
}

/// The records of the kind that was asked for; they hold as long as the shortest of the answer, those of aliases among them.
fn answer(kind: RecordType, records: &[Record]) -> Answer {
    let holds = records.iter().map(|record| Duration::from_secs(record.ttl.into())).min().unwrap_or(UNSAID);
    let found = || records.iter().map(|record| &record.data);
    if kind == RecordType::NAPTR {
        Answer::Naptr(found().filter_map(naptr).collect(), holds)
    } else if kind == RecordType::SRV {
        Answer::Srv(found().filter_map(srv).collect(), holds)
    } else {
        Answer::Addresses(found().filter_map(RData::ip_addr).collect::<Vec<IpAddr>>(), holds)
    }
}

fn naptr(data: &RData) -> Option<Naptr> {
    let RData::NAPTR(record) = data else { return None };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(Naptr {
        order: record.order,
        preference: record.preference,
        flags: text(&record.flags),
        service: text(&record.services),
        regexp: text(&record.regexp),
        replacement: plain(&record.replacement),
    })
}

fn srv(data: &RData) -> Option<Srv> {
    let RData::SRV(record) = data else { return None };
    Some(Srv { priority: record.priority, weight: record.weight, port: record.port, target: plain(&record.target) })
}

/// A name as the locator reads it; the root is `.`.
fn plain(name: &Name) -> String {
    name.to_ascii()
}
