//! A peer that says anything at any time: well-formed nonsense and broken bytes. Nothing panics, each session ends at
//! most once, memory stays within the limits, and in the end nothing is left.

use crate::endpoint::{Config, Event, LegKey, Rejection, SessionId};
use crate::message::{Method, Request, StatusCode};
use crate::tests::pair::{Dice, credential, sdp, terminal};
use crate::tests::puppet::{Puppet, request_with, response};
use std::collections::BTreeMap;
use std::time::Duration;

#[test]
fn queues_give_back_what_a_burst_has_made_them_take() {
    let mut puppet = Puppet::new();
    let flow = puppet.flow();
    for number in 0..2_000 {
        let text = request_with("OPTIONS", &format!("z9hG4bK{number}"), &format!("{number} OPTIONS"), "", "", "");
        puppet.endpoint.handle_datagram(puppet.now, flow.listener, flow.peer, text.as_bytes());
        puppet.endpoint.handle_datagram(puppet.now, flow.listener, flow.peer, b"garbage");
    }
    let (messages, events) = puppet.endpoint.queue_room();
    assert!(messages >= 2_000 && events >= 2_000, "{messages} and {events}");
    puppet.act(|_, _| ());
    let (messages, events) = puppet.endpoint.queue_room();
    assert!(messages <= 256 && events <= 256, "{messages} and {events}");
    puppet.ignore();
    puppet.expect_clean();
}

#[test]
fn nothing_a_peer_says_breaks_the_endpoint() {
    for seed in 0..150 {
        Hostile::new(seed).run(400);
    }
}

struct Hostile {
    seed: u64,
    puppet: Puppet,
    dice: Dice,
    sessions: Vec<SessionId>,
    /// Our tags the peer has seen.
    tags: Vec<String>,
    /// Our requests it may answer, rightly or not.
    requests: Vec<Request>,
    ends: BTreeMap<SessionId, u32>,
    keys: u8,
}

impl Hostile {
    fn new(seed: u64) -> Self {
        let config = Config { max_transactions: 60, max_sessions: 12, max_forks: 4, ..Config::default() };
        Self {
            seed,
            puppet: Puppet::with(config),
            dice: Dice(seed),
            sessions: Vec::new(),
            tags: vec!["stranger".to_owned()],
            requests: Vec::new(),
            ends: BTreeMap::new(),
            keys: 0,
        }
    }

    fn run(&mut self, steps: u32) {
        for _ in 0..steps {
            match self.dice.below(12) {
                0 => self.call(),
                1..5 => self.ask(),
                5..8 => self.answer(),
                8 | 9 => self.command(),
                10 => self.garble(),
                11.. => {
                    let pause = Duration::from_millis(self.dice.below(20_000));
                    self.puppet.run_for(pause);
                }
            }
            self.look();
            assert!(self.puppet.endpoint.transactions() <= 60 + 60, "seed {}", self.seed);
            assert!(self.puppet.endpoint.live_sessions() <= 12, "seed {}", self.seed);
        }
        for session in self.sessions.clone() {
            let _ = self.puppet.act(|endpoint, now| endpoint.hang_up(now, session, None));
        }
        self.puppet.run_for(Duration::from_secs(400));
        self.look();
        for session in &self.sessions {
            assert_eq!(self.ends.get(session), Some(&1), "seed {}: {session:?}", self.seed);
        }
        self.puppet.expect_clean();
    }

    fn call(&mut self) {
        self.keys += 1;
        let mut invite = self.puppet.invitation();
        invite.key = LegKey([self.keys; 32]);
        invite.credentials = self.dice.percent(50).then(|| credential("alice", "secret"));
        invite.session_expires = self.dice.percent(50).then_some(90);
        if let Ok(session) = self.puppet.act(|endpoint, now| endpoint.invite(now, invite)) {
            self.sessions.push(session);
        }
    }

    /// A request of the peer: any method, a branch and a number out of a few, some tag.
    fn ask(&mut self) {
        let methods = ["INVITE", "ACK", "CANCEL", "BYE", "UPDATE", "INFO", "OPTIONS", "PRACK", "REFER", "NOSUCH"];
        let method = *self.pick(&methods);
        let branch = format!("z9hG4bK{}", self.dice.below(12));
        let cseq = format!("{} {method}", self.dice.below(30));
        let tag = if self.dice.percent(40) { String::new() } else { self.pick(&self.tags.clone()).clone() };
        let more =
            *self.pick(&["", "Supported: timer\r\nSession-Expires: 90\r\n", "Session-Expires: 1;refresher=uas\r\n"]);
        let body = *self.pick(&["", "offer", "other"]);
        let mut text = request_with(method, &branch, &cseq, &tag, more, body);
        if self.dice.percent(50) {
            // A dialog of one of our own calls: its Call-ID, its tag, and a far tag that may be right.
            if let Some(ours) = self.requests.last() {
                let call_id = ours.headers.typed::<crate::message::header::CallId>().expect("we print well");
                text = text.replace("call-of-the-peer", &call_id.to_string()).replace("tag=peer", "tag=t1");
            }
        }
        self.puppet.say(text);
    }

    /// A response to any of our requests, fitting or not.
    fn answer(&mut self) {
        if self.requests.is_empty() {
            return;
        }
        let request = self.pick(&self.requests.clone()).clone();
        let statuses = [100, 180, 183, 200, 200, 200, 302, 401, 407, 408, 422, 481, 486, 487, 491, 500, 501, 503, 600];
        let status = *self.pick(&statuses);
        let tag = format!("t{}", self.dice.below(6));
        let mut reply = response(&request, status, &tag);
        if self.dice.percent(50) {
            let nonce = self.dice.below(3);
            let challenge = format!("Digest realm=\"r\", nonce=\"{nonce}\", stale={}", self.dice.percent(50));
            reply.headers.push(crate::message::HeaderName::WwwAuthenticate, challenge);
            reply.headers.push(crate::message::HeaderName::MinSe, "200");
            reply.headers.push(crate::message::HeaderName::SessionExpires, "90;refresher=uac");
            reply.headers.push(crate::message::HeaderName::Allow, "UPDATE");
        }
        self.puppet.say(reply.to_bytes());
    }

    /// A command of the shell to some session, whether it fits or not.
    fn command(&mut self) {
        if self.sessions.is_empty() {
            return;
        }
        let session = *self.pick(&self.sessions.clone());
        let choice = self.dice.below(7);
        let _ = self.puppet.act(|endpoint, now| match choice {
            0 => endpoint.ring(now, session, StatusCode::RINGING, None),
            1 | 2 => endpoint.accept(now, session, sdp("answer")),
            3 => endpoint.reject(now, session, StatusCode::BUSY_HERE, Rejection::default()),
            4 => endpoint.answer_reoffer(now, session, Ok(sdp("answer"))),
            5 => endpoint.cancel(now, session, None),
            6.. => endpoint.hang_up(now, session, None),
        });
    }

    /// A message with some bytes changed.
    fn garble(&mut self) {
        let mut bytes = request_with("INVITE", "z9hG4bKgarbled", "1 INVITE", "", "", "offer").into_bytes();
        for _ in 0..=self.dice.below(4) {
            let at = usize::try_from(self.dice.below(bytes.len() as u64)).expect("it fits");
            bytes[at] = self.dice.next().to_le_bytes()[0];
        }
        self.puppet.say(bytes);
    }

    /// Notes what the endpoint said and did.
    fn look(&mut self) {
        while let Some(event) = self.puppet.event() {
            if let Event::Incoming { session, invite } = &event {
                self.sessions.push(*session);
                self.tags.push(invite.dialog.local_tag.clone());
            }
            if let Some((session, _)) = terminal(&event) {
                *self.ends.entry(session).or_default() += 1;
            }
        }
        for request in self.puppet.requests() {
            if request.method != Method::Ack {
                let from: crate::message::header::From = request.headers.typed().expect("we print well");
                self.tags.extend(from.tag().map(|tag| tag.to_string()));
                self.requests.push(request);
            }
        }
        let old = self.requests.len().saturating_sub(8);
        self.requests.drain(..old);
        let old = self.tags.len().saturating_sub(8);
        self.tags.drain(..old);
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let at = usize::try_from(self.dice.below(list.len() as u64)).expect("it fits");
        &list[at]
    }
}
