//! A name server for tests: a zone that can be changed while it answers, over UDP on the loopback interface.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, NAPTR, SOA, SRV};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// Longest message that is read.
const DATAGRAM: usize = 4_096;

/// A name server. It ends when this is dropped.
#[derive(Debug)]
pub struct NameServer {
    /// Where it is asked.
    pub address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Zone {
    records: BTreeMap<(String, RecordType), Vec<RData>>,
    ttl: u32,
    silent: bool,
    asked: Vec<String>,
}

/// A name, or a record, that no zone can hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no name of the DNS")]
pub struct BadName(String);

impl NameServer {
    /// Starts one on a port of its own, with an empty zone: every name it is asked for does not exist. Records hold `ttl`
    /// seconds.
    ///
    /// # Errors
    /// No socket is to be had.
    pub async fn start(ttl: u32) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        let zone = Zone { records: BTreeMap::new(), ttl, silent: false, asked: Vec::new() };
        let zone = Arc::new(Mutex::new(zone));
        let task = tokio::spawn(serve(socket, Arc::clone(&zone)));
        Ok(Self { address, zone, task })
    }

    /// Sets the addresses of a name, of both families; none takes the name away.
    pub fn host(&self, name: &str, addresses: &[IpAddr]) {
        let of = |v4: bool| addresses.iter().filter(move |address| address.is_ipv4() == v4);
        let data = |address: &IpAddr| match address {
            IpAddr::V4(address) => RData::A(A(*address)),
            IpAddr::V6(address) => RData::AAAA(AAAA(*address)),
        };
        self.set(name, RecordType::A, of(true).map(data).collect());
        self.set(name, RecordType::AAAA, of(false).map(data).collect());
    }

    /// Sets the servers of a service: priority, weight, port and name of each.
    ///
    /// # Errors
    /// [`BadName`].
    pub fn service(&self, name: &str, servers: &[(u16, u16, u16, &str)]) -> Result<(), BadName> {
        let server = |(priority, weight, port, target): &(u16, u16, u16, &str)| {
            Ok(RData::SRV(SRV::new(*priority, *weight, *port, read(target)?)))
        };
        self.set(name, RecordType::SRV, servers.iter().map(server).collect::<Result<_, BadName>>()?);
        Ok(())
    }

    /// Sets which services a domain has: order, preference, service and the name it is under, of each.
    ///
    /// # Errors
    /// [`BadName`].
    pub fn services(&self, domain: &str, services: &[(u16, u16, &str, &str)]) -> Result<(), BadName> {
        let service = |(order, preference, service, under): &(u16, u16, &str, &str)| {
            let (flags, service, regexp) = (b"s".as_slice(), service.as_bytes(), b"".as_slice());
            Ok(RData::NAPTR(NAPTR::new(*order, *preference, flags.into(), service.into(), regexp.into(), read(under)?)))
        };
        self.set(domain, RecordType::NAPTR, services.iter().map(service).collect::<Result<_, BadName>>()?);
        Ok(())
    }

    /// Whether it answers at all.
    pub fn silence(&self, silent: bool) {
        self.lock().silent = silent;
    }

    /// What was asked so far, as `A name`.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.lock().asked.clone()
    }

    fn set(&self, name: &str, kind: RecordType, records: Vec<RData>) {
        let key = (name.trim_end_matches('.').to_ascii_lowercase(), kind);
        let mut zone = self.lock();
        match records.is_empty() {
            true => drop(zone.records.remove(&key)),
            false => drop(zone.records.insert(key, records)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Zone> {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn read(name: &str) -> Result<Name, BadName> {
    let bad = |_| BadName(name.to_owned());
    let mut read = Name::from_ascii(name).map_err(bad)?;
    read.set_fqdn(true);
    Ok(read)
}

async fn serve(socket: UdpSocket, zone: Arc<Mutex<Zone>>) {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { return };
        let answer = {
            let mut zone = zone.lock().unwrap_or_else(PoisonError::into_inner);
            Message::from_vec(&buffer[..length]).ok().and_then(|query| zone.answer(&query))
        };
        if let Some(bytes) = answer {
            // Who asked asks again.
            let _ = socket.send_to(&bytes, from).await;
        }
    }
}

impl Zone {
    fn answer(&mut self, query: &Message) -> Option<Vec<u8>> {
        let question = query.queries.first()?;
        let (name, kind) = (question.name(), question.query_type());
        let plain = name.to_ascii().trim_end_matches('.').to_ascii_lowercase();
        self.asked.push(format!("{kind} {plain}"));
        if self.silent {
            return None;
        }
        let mut answer = Message::new(query.metadata.id, MessageType::Response, query.metadata.op_code);
        answer.metadata.authoritative = true;
        answer.metadata.recursion_desired = query.metadata.recursion_desired;
        answer.metadata.recursion_available = true;
        answer.add_query(question.clone());
        match self.records.get(&(plain.clone(), kind)) {
            Some(records) => {
                for data in records {
                    answer.add_answer(Record::from_rdata(name.clone(), self.ttl, data.clone()));
                }
            }
            None => {
                let exists = self.records.keys().any(|(known, _)| *known == plain);
                answer.metadata.response_code = if exists { ResponseCode::NoError } else { ResponseCode::NXDomain };
                let root = Name::root();
                let start = SOA::new(root.clone(), root.clone(), 1, 60, 60, 60, self.ttl);
                answer.add_authority(Record::from_rdata(root, self.ttl, RData::SOA(start)));
            }
        }
        answer.to_vec().ok()
    }
}
