//! Takes what the tap shows: without its secrets to its call, and to a capture server; and writes down the messages of
//! calls that are over.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use callwright_sip::endpoint::ListenerId;
use callwright_sip::trace::hep::{self, Agent};
use callwright_sip::trace::{Finished, Message, Outline, Seen};
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::stored::{pack, unpack};
use super::tap::{Tapped, Tapping};
use super::{LegTrace, Of, Owner, Sight};
use crate::id::OrgId;
use crate::net::sip_driver::BoundListener;
use crate::store::{Db, StoreError, sip_trace};
use crate::time::{self, Now};

/// Messages that are looked at together.
const BATCH: usize = 64;
/// Calls that are written down in one transaction: dials wait for it on SQLite.
const WRITE: usize = 16;
/// How often calls are looked for that are to be written down.
const ROUND: Duration = Duration::from_secs(1);
/// How often it is told that something was dropped.
const TELL: Duration = Duration::from_secs(60);
/// Tries to write down the same calls before they are given up.
const TRIES: u32 = 5;

/// A capture server, and who we are to it.
#[derive(Debug)]
pub struct Capture {
    socket: UdpSocket,
    agent: Agent,
}

impl Capture {
    /// The way to a capture server. Nothing is sent yet.
    ///
    /// # Errors
    /// When there is no socket for it.
    pub async fn new(address: SocketAddr, agent: Agent) -> std::io::Result<Self> {
        let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(address).await?;
        Ok(Self { socket, agent })
    }

    /// Whether a message was sent there.
    async fn tell(&self, message: &Message) -> bool {
        let correlation = Outline::of(message.bytes()).call_id.unwrap_or_default();
        match hep::encode(message, &self.agent, correlation) {
            Some(packet) => self.socket.send(&packet).await.is_ok(),
            None => false,
        }
    }
}

/// What the keeper needs.
#[derive(Debug)]
pub struct Parts {
    /// Where messages are kept.
    pub sight: Sight,
    /// What the driver shows.
    pub tapping: Tapping,
    /// The addresses of listeners.
    pub listeners: Vec<BoundListener>,
    /// Who else is told.
    pub capture: Option<Capture>,
    /// Where the messages of calls that are over go.
    pub db: Db,
}

/// Keeps messages until the server ends. What is kept then is written down first.
pub async fn keep(parts: Parts, stop: CancellationToken) {
    let Parts { sight, tapping, listeners, capture, db } = parts;
    let locals = listeners.iter().map(|bound| (bound.id, address(bound))).collect();
    let taken = CancellationToken::new();
    let taking = async {
        take(&sight, tapping, locals, capture, stop).await;
        taken.cancel();
    };
    tokio::join!(taking, write(&sight, &db, &taken));
}

/// All messages of a call or an attempt, and whether no further one is expected.
///
/// # Errors
/// When the database fails.
pub async fn messages(sight: Option<&Sight>, db: &Db, org: OrgId, of: Of) -> Result<(Vec<LegTrace>, bool), StoreError> {
    // Before the database is asked: what is written down meanwhile is in one of both at least.
    let live = sight.map(|sight| sight.live(org, of)).unwrap_or_default();
    let mut tx = db.read().await?;
    let rows = sip_trace::of(&mut tx, org, of).await?;
    drop(tx);
    let mut legs = Vec::new();
    for row in rows {
        let call_id = row.call_id.into_bytes();
        if live.iter().any(|leg| leg.call_id == call_id) {
            continue;
        }
        let trace = unpack(&row.messages).map_err(|error| {
            tracing::error!(%error, "SIP messages are damaged");
            StoreError::Corrupt { column: "messages" }
        })?;
        legs.push(LegTrace { call_id, trace });
    }
    let complete = live.is_empty();
    legs.extend(live);
    Ok((legs, complete))
}

/// How a listener is shown: where it is bound, or where others reach it when it is bound to every address.
fn address(bound: &BoundListener) -> SocketAddr {
    if bound.local.ip().is_unspecified() { bound.advertised } else { bound.local }
}

async fn take(
    sight: &Sight,
    mut tapping: Tapping,
    locals: BTreeMap<ListenerId, SocketAddr>,
    capture: Option<Capture>,
    stop: CancellationToken,
) {
    let mut lost = Lost::default();
    let mut clock = Clock(time::now());
    let mut tell = tokio::time::interval(TELL);
    loop {
        let mut messages = Vec::with_capacity(BATCH);
        tokio::select! {
            biased;
            _ = tell.tick() => {
                clock.set(time::now());
                lost.tell(sight, tapping.dropped());
            }
            () = stop.cancelled() => break,
            () = tapping.next(&mut messages, BATCH) => {
                if messages.is_empty() {
                    return;
                }
            }
        }
        for tapped in messages {
            note(sight, clock, &locals, capture.as_ref(), tapped, &mut lost).await;
        }
    }
    while let Some(tapped) = tapping.waiting() {
        note(sight, clock, &locals, capture.as_ref(), tapped, &mut lost).await;
    }
}

async fn note(
    sight: &Sight,
    clock: Clock,
    locals: &BTreeMap<ListenerId, SocketAddr>,
    capture: Option<&Capture>,
    tapped: Tapped,
    lost: &mut Lost,
) {
    let Tapped { at, way, flow, bytes } = tapped;
    let unknown = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    let local = locals.get(&flow.listener).copied().unwrap_or(unknown);
    let message =
        Seen { at_us: clock.at_us(at), way, transport: flow.transport, local, peer: flow.peer, bytes }.redacted();
    if let Some(capture) = capture
        && !capture.tell(&message).await
    {
        lost.captures += 1;
    }
    sight.keep(time::now(), message);
}

/// Tells the time of day of messages in the order in which they passed: the answer to a message bears the same time or a
/// later one, whenever both are looked at.
#[derive(Clone, Copy)]
struct Clock(Now);

impl Clock {
    /// Follows the clock of the system. Where that has gone back a little (it is kept right in small steps) it is not
    /// followed.
    fn set(&mut self, now: Now) {
        const LITTLE: Duration = Duration::from_secs(1);
        let back = self.at_us(now.mono).saturating_sub(u64::try_from(now.micros()).unwrap_or(0));
        if back == 0 || Duration::from_micros(back) > LITTLE {
            self.0 = now;
        }
    }

    /// Microseconds since 1970 UTC.
    fn at_us(&self, at: Instant) -> u64 {
        let us = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(0);
        let after = us(at.saturating_duration_since(self.0.mono)) - us(self.0.mono.saturating_duration_since(at));
        u64::try_from(self.0.micros().saturating_add(after)).unwrap_or(0)
    }
}

/// What was not kept or not told since it was last said.
#[derive(Default)]
struct Lost {
    captures: u64,
    said: [u64; 4],
}

impl Lost {
    fn tell(&mut self, sight: &Sight, dropped: u64) {
        let counts = sight.counts();
        let all = [dropped, counts.left_out, counts.calls_refused, self.captures];
        if all == self.said {
            return;
        }
        let [dropped, left_out, calls, captures] = std::array::from_fn(|index| all[index] - self.said[index]);
        self.said = all;
        tracing::warn!(
            dropped,
            left_out,
            calls,
            captures,
            "SIP messages were not kept, or not told the capture server"
        );
    }
}

/// Writes down what has come to rest, a few calls at a time, until nothing more is taken; then everything.
async fn write(sight: &Sight, db: &Db, taken: &CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            () = taken.cancelled() => break,
        }
        loop {
            let finished = sight.finished(time::now(), WRITE);
            if finished.is_empty() {
                break;
            }
            write_down(sight, db, finished).await;
        }
    }
    loop {
        let unfinished = sight.unfinished(WRITE);
        if unfinished.is_empty() {
            return;
        }
        write_down(sight, db, unfinished).await;
    }
}

async fn write_down(sight: &Sight, db: &Db, finished: Vec<Finished<Owner>>) {
    let rows: Vec<sip_trace::Leg> = finished.iter().filter(|leg| !leg.trace.is_empty()).map(row).collect();
    for attempt in 1..=TRIES {
        match insert(db, &rows).await {
            Ok(()) => break,
            Err(error) if attempt == TRIES => {
                tracing::error!(calls = rows.len(), %error, "the SIP messages of calls are lost");
            }
            Err(_) => tokio::time::sleep(Duration::from_secs(attempt.into())).await,
        }
    }
    for leg in finished {
        sight.forget(&leg.call_id);
    }
}

async fn insert(db: &Db, rows: &[sip_trace::Leg]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    for row in rows {
        sip_trace::insert(&mut tx, row).await?;
    }
    tx.commit().await
}

fn row(leg: &Finished<Owner>) -> sip_trace::Leg {
    sip_trace::Leg {
        owner: leg.owner,
        call_id: String::from_utf8_lossy(&leg.call_id).into_owned(),
        messages: pack(&leg.trace),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_messages_do_not_go_back_with_small_steps_of_the_clock() {
        let began = time::now();
        let mut clock = Clock(began);
        let at = |ms| began.mono + Duration::from_millis(ms);
        let before = clock.at_us(at(500));
        let wall = |ms: i64| began.wall + jiff::SignedDuration::from_millis(ms);
        clock.set(Now { mono: at(1_000), wall: wall(400) });
        assert_eq!(clock.at_us(at(1_000)) - before, 500_000, "600 ms back: not followed");
        clock.set(Now { mono: at(1_000), wall: wall(1_300) });
        assert_eq!(clock.at_us(at(1_000)) - before, 800_000, "forward");
        assert_eq!(clock.at_us(at(500)), before + 300_000, "what was seen before is told too");
        clock.set(Now { mono: at(2_000), wall: wall(-60_000) });
        assert!(clock.at_us(at(2_000)) < before, "somebody has set the clock");
    }
}
