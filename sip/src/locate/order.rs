//! In which order servers are tried (RFC 2782): by priority, and among equals at random by weight.

use super::walk::{Plan, Server};
use super::{Candidate, Host};
use crate::identity::Random;
use std::net::SocketAddr;

/// Servers beyond this are not tried.
pub(super) const MOST_CANDIDATES: usize = 32;

/// The servers of a plan, each address once.
pub(super) fn candidates(plan: &Plan, random: &mut Random) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for stage in &plan.stages {
        for server in ordered(&stage.servers, random) {
            for address in &server.addresses {
                let address = SocketAddr::new(*address, server.port);
                let known = found.iter().any(|other| (other.protocol, other.address) == (stage.protocol, address));
                if known || found.len() >= MOST_CANDIDATES {
                    continue;
                }
                let host = server.host.clone().map_or_else(|| Host::from(address.ip()), Host::Name);
                found.push(Candidate { protocol: stage.protocol, address, host, avoid_until: None });
            }
        }
    }
    found
}

fn ordered<'a>(servers: &'a [Server], random: &mut Random) -> Vec<&'a Server> {
    let mut waiting: Vec<&Server> = servers.iter().collect();
    // "arrange all SRV RRs (that have not been ordered yet) in any order, except that all those with weight 0 are placed
    // at the beginning of the list" (RFC 2782).
    waiting.sort_by_key(|server| (server.priority, server.weight != 0));
    let mut out = Vec::with_capacity(waiting.len());
    while let Some(first) = waiting.first() {
        let equals = waiting.iter().take_while(|server| server.priority == first.priority).count();
        let total: u64 = waiting[..equals].iter().map(|server| u64::from(server.weight)).sum();
        let drawn = random.between(0, total);
        let mut running = 0;
        let chosen = waiting[..equals].iter().position(|server| {
            running += u64::from(server.weight);
            running >= drawn
        });
        out.push(waiting.remove(chosen.unwrap_or(0)));
    }
    out
}
