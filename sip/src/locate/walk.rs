//! From a target to servers by what is known, and what would have to be known besides (RFC 3263 section 4).

use super::cache::{Cache, Records};
use super::locator::Families;
use super::{Host, LocateError, LocatorConfig, Naptr, Protocol, Question, Srv, Target, read_name};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

/// Servers of one target that are looked up.
const MOST_SERVERS: usize = 32;
/// NAPTR records of one target that are followed.
const MOST_STAGES: usize = 8;

/// Where a target leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) stages: Vec<Stage>,
}

/// The servers of one protocol; those of the next are tried after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) protocol: Protocol,
    pub(super) servers: Vec<Server>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) priority: u16,
    pub(super) weight: u16,
    pub(super) port: u16,
    pub(super) host: Option<String>,
    pub(super) addresses: Vec<IpAddr>,
}

/// What the SRV records of a name say.
enum Service {
    /// There are none, or they are not known yet.
    Unknown,
    /// There decidedly is no server (RFC 2782: a target of ".").
    Refused,
    Servers(Vec<Server>),
}

/// One walk through the cache.
pub(super) struct Walk<'a> {
    cache: &'a Cache,
    config: &'a LocatorConfig,
    now: Instant,
    /// Everything that was looked up.
    pub(super) needs: BTreeSet<Question>,
    /// What of it is not known.
    pub(super) missing: Vec<Question>,
    /// When the first of it expires.
    pub(super) until: Option<Instant>,
    failed: bool,
    servers: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(cache: &'a Cache, config: &'a LocatorConfig, now: Instant) -> Self {
        let (needs, missing) = (BTreeSet::new(), Vec::new());
        Self { cache, config, now, needs, missing, until: None, failed: false, servers: 0 }
    }

    /// Where the target leads; not to be looked at while something is missing.
    pub(super) fn plan(&mut self, target: &Target) -> Result<Plan, LocateError> {
        let protocol = self.fallback(target)?;
        let stages = match (&target.host, target.port, target.protocol) {
            (Host::V4(_) | Host::V6(_), port, _) => {
                let addresses = target.host.ip().into_iter().collect();
                let port = port.unwrap_or(protocol.port());
                vec![Stage { protocol, servers: vec![Server { priority: 0, weight: 0, port, host: None, addresses }] }]
            }
            // "If the TARGET was not a numeric IP address, but a port is present in the URI, the client performs an A or
            // AAAA record lookup" (section 4.2).
            (Host::Name(name), Some(port), _) => self.plain(name, protocol, port),
            (Host::Name(name), None, Some(_)) => match self.service(&format!("{}{name}", protocol.service())) {
                Service::Servers(servers) => vec![Stage { protocol, servers }],
                Service::Unknown if self.missing.is_empty() => self.plain(name, protocol, protocol.port()),
                Service::Refused | Service::Unknown => Vec::new(),
            },
            (Host::Name(name), None, None) => self.discover(target, name, protocol),
            (Host::Absent, _, _) => return Err(LocateError::Host),
        };
        let stages: Vec<Stage> = stages.into_iter().filter(|stage| !stage.servers.is_empty()).collect();
        match (stages.is_empty(), self.failed) {
            (false, _) => Ok(Plan { stages }),
            (true, true) => Err(LocateError::Unanswered),
            (true, false) => Err(LocateError::Nobody),
        }
    }

    /// The protocol where neither URI nor DNS name one: UDP, or TLS for sips (section 4.1).
    fn fallback(&self, target: &Target) -> Result<Protocol, LocateError> {
        let usual = if target.secure { Protocol::Tls } else { Protocol::Udp };
        let wanted = target.protocol.unwrap_or(usual);
        let here = &self.config.protocols;
        match here.first() {
            Some(_) if here.contains(&wanted) => Ok(wanted),
            Some(first) if target.protocol.is_none() && !target.secure => Ok(*first),
            Some(_) | None => Err(LocateError::NotHere),
        }
    }

    /// Neither port nor transport are given: NAPTR, else SRV of each protocol, else addresses.
    fn discover(&mut self, target: &Target, name: &str, fallback: Protocol) -> Vec<Stage> {
        let naptr = Question::Naptr(name.to_owned());
        let cache = self.cache;
        let Some(records) = self.look(naptr, cache) else { return Vec::new() };
        let mut refused = false;
        let mut stages = Vec::new();
        for (protocol, service) in self.services(target, name, records) {
            match self.service(&service) {
                Service::Servers(servers) => stages.push(Stage { protocol, servers }),
                Service::Refused => refused = true,
                Service::Unknown => {}
            }
        }
        // "If no SRV records were found, the client performs an A or AAAA record lookup of the domain name" (section 4.2).
        if stages.is_empty() && !refused && self.missing.is_empty() {
            return self.plain(name, fallback, fallback.port());
        }
        stages
    }

    /// Which SRV records to ask for, by NAPTR or, without any that is usable, one for each protocol.
    fn services(&self, target: &Target, name: &str, records: &Records) -> Vec<(Protocol, String)> {
        let here = &self.config.protocols;
        // "a client resolving a SIPS URI MUST discard any services that do not contain "SIPS"" (section 4.1).
        let allowed = |protocol: Protocol| here.contains(&protocol) && (!target.secure || protocol == Protocol::Tls);
        let usable = |record: &Naptr| {
            let protocol = Protocol::of_service(&record.service).filter(|protocol| allowed(*protocol))?;
            let terminal = record.flags.eq_ignore_ascii_case("s") && record.regexp.is_empty();
            Some((record.order, protocol, read_name(&record.replacement).filter(|_| terminal)?))
        };
        let named: Vec<_> = match records {
            Records::Naptr(records) => records.iter().filter_map(usable).collect(),
            Records::Srv(_) | Records::Addresses(_) | Records::Nothing | Records::Failed => Vec::new(),
        };
        match named.first() {
            // RFC 3403 section 4.1: once a record of one order is usable, those of higher orders are not considered.
            Some((lowest, _, _)) => {
                let same = named.iter().take_while(|(order, _, _)| order == lowest);
                same.take(MOST_STAGES).map(|(_, protocol, replacement)| (*protocol, replacement.clone())).collect()
            }
            None => here
                .iter()
                .filter(|protocol| allowed(**protocol))
                .map(|protocol| (*protocol, format!("{}{name}", protocol.service())))
                .collect(),
        }
    }

    /// Servers by SRV.
    fn service(&mut self, name: &str) -> Service {
        let cache = self.cache;
        let Some(Records::Srv(records)) = self.look(Question::Srv(name.to_owned()), cache) else {
            return Service::Unknown;
        };
        if let [Srv { target, .. }] = records.as_slice()
            && target == "."
        {
            return Service::Refused;
        }
        let mut servers = Vec::new();
        for record in records {
            let Some(host) = read_name(&record.target) else { continue };
            if self.servers >= MOST_SERVERS {
                break;
            }
            self.servers += 1;
            let addresses = self.addresses(&host);
            if !addresses.is_empty() {
                let Srv { priority, weight, port, .. } = *record;
                servers.push(Server { priority, weight, port, host: Some(host), addresses });
            }
        }
        Service::Servers(servers)
    }

    /// The addresses of a name as its only server.
    fn plain(&mut self, name: &str, protocol: Protocol, port: u16) -> Vec<Stage> {
        let addresses = self.addresses(name);
        if addresses.is_empty() {
            return Vec::new();
        }
        let server = Server { priority: 0, weight: 0, port, host: Some(name.to_owned()), addresses };
        vec![Stage { protocol, servers: vec![server] }]
    }

    /// Addresses of the families that we have, the preferred one first. A name that is an address is one.
    fn addresses(&mut self, name: &str) -> Vec<IpAddr> {
        if let Ok(address) = name.parse() {
            return vec![address];
        }
        let (v4, v6) = (|| Question::A(name.to_owned()), || Question::Aaaa(name.to_owned()));
        let questions = match self.config.families {
            Families::V4 => vec![v4()],
            Families::V6 => vec![v6()],
            Families::V4First => vec![v4(), v6()],
            Families::V6First => vec![v6(), v4()],
        };
        let cache = self.cache;
        let mut found = Vec::new();
        for question in questions {
            if let Some(Records::Addresses(addresses)) = self.look(question, cache) {
                found.extend_from_slice(addresses);
            }
        }
        found
    }

    fn look<'b>(&mut self, question: Question, cache: &'b Cache) -> Option<&'b Records> {
        self.needs.insert(question.clone());
        let Some(entry) = cache.fresh(self.now, &question) else {
            self.missing.push(question);
            return None;
        };
        self.failed |= entry.records == Records::Failed;
        self.until = Some(self.until.map_or(entry.expires, |until| until.min(entry.expires)));
        Some(&entry.records)
    }
}
