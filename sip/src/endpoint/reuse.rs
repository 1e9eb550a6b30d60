//! Connections of others that carry our requests as well (RFC 5923): who said so by `alias` in the Via of a request.
//!
//! What a Via says is no proof. The shell asks for one before it sends anything there: the certificate that the far end showed
//! when it connected (section 9.2).

use super::Endpoint;
use super::flow::{Flow, PeerName, Transport};
use crate::message::header::Via;
use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

/// The parameter of Via.
pub(super) const ALIAS: &str = "alias";
/// Where TLS is spoken when no port is said.
const TLS_PORT: u16 = 5061;

/// A connection over TLS that somebody made to us and offers for requests of ours (RFC 5923 section 8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias {
    /// The connection.
    pub flow: Flow,
    /// Where the far end takes requests otherwise: the address and port of its Via. Of one that says a name it is the address
    /// that it connected from.
    pub address: SocketAddr,
}

/// The connections that were offered.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    said: BTreeSet<Flow>,
    news: VecDeque<Alias>,
}

impl Aliases {
    /// A request with this Via came. What a connection says first counts for as long as it is up.
    pub(super) fn hear(&mut self, flow: Flow, via: &Via, most: usize) {
        let reusable = flow.transport == Transport::Tls(PeerName::NONE) && via.params.has(ALIAS);
        if !reusable || self.said.len() >= most || self.news.len() >= most || !self.said.insert(flow) {
            return;
        }
        let address = via.sent_by.host.ip().unwrap_or(flow.peer.ip());
        let port = via.sent_by.port.unwrap_or(TLS_PORT);
        self.news.push_back(Alias { flow, address: SocketAddr::new(address, port) });
    }

    /// The connection is gone.
    pub(super) fn forget(&mut self, flow: Flow) {
        if self.said.remove(&flow) {
            self.news.retain(|alias| alias.flow != flow);
        }
    }
}

impl Endpoint {
    /// A connection that the far end offers for requests to an address of its own, told once for each connection, of which
    /// at most [`Config::max_streams`](super::Config::max_streams) are heeded. Who may be sent what on it is for the shell to
    /// say: only a far end that has proved by its certificate the name that a connection of ours would have to prove.
    pub fn poll_alias(&mut self) -> Option<Alias> {
        self.aliases.news.pop_front()
    }
}
