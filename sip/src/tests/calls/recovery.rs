//! What a process that died left behind, as its next life ends it (an endpoint made anew, with another seed).

use crate::endpoint::{
    CommandError, Config, EndedBy, Endpoint, Event, Listener, ListenerId, Orphan, OrphanInvite, OrphanStage,
    RecoveryOutcome, Transport,
};
use crate::message::{HeaderName, HostPort, Method, StatusCode};
use crate::tests::pair::{Pair, Side, sdp};
use crate::tests::puppet::{Puppet, header};
use std::time::Duration;

impl Pair {
    /// A dies and starts again: everything it knew is gone.
    fn restart(&mut self) {
        self.events(Side::A);
        self.a = Endpoint::new(Config::default(), [77; 32]);
        let advertised = HostPort::from(Side::A.address());
        self.a.add_listener(Listener { id: ListenerId(0), transport: Transport::Udp, advertised });
    }

    fn recover(&mut self, stage: OrphanStage) -> RecoveryOutcome {
        let orphan = Orphan { key: Self::first_key(), credentials: None, stage };
        self.act(Side::A, |a, now| a.recover(now, orphan).expect("there is room"));
        self.expect(Side::A, |event| if let Event::Recovered { outcome, .. } = event { Some(*outcome) } else { None })
    }

    /// What the store knows of an INVITE that may have left.
    fn early(&mut self, invites: u32) -> OrphanStage {
        let invite = self.invitation();
        OrphanStage::Early(Box::new(OrphanInvite {
            flow: invite.flow,
            sent_by: None,
            uri: invite.uri,
            from: invite.from,
            to: invite.to,
            headers: invite.headers,
            invites,
            dialog: None,
        }))
    }
}

#[test]
fn a_ringing_orphan_is_cancelled() {
    let mut pair = Pair::new(21);
    pair.call();
    let callee = pair.incoming();
    pair.act(Side::B, |b, now| b.ring(now, callee, StatusCode::RINGING, None).expect("it rings"));
    pair.run_for(Duration::from_secs(3));
    pair.restart();
    let died = pair.now;
    let stage = pair.early(Orphan::MOST_INVITES);
    assert_eq!(pair.recover(stage), RecoveryOutcome::Released);
    assert!(pair.now - died < Duration::from_secs(1));
    pair.expect(Side::B, |event| matches!(event, Event::Cancelled { .. }).then_some(()));
    pair.expect_clean();
}

#[test]
fn an_orphan_that_was_answered_meanwhile_gets_ack_and_bye() {
    let mut pair = Pair::new(22);
    pair.call();
    let callee = pair.incoming();
    pair.restart();
    pair.act(Side::B, |b, now| b.accept(now, callee, sdp("answer")).expect("it rings"));
    pair.run_for(Duration::from_millis(100));
    let stage = pair.early(1);
    assert_eq!(pair.recover(stage), RecoveryOutcome::HungUp);
    pair.expect(Side::B, |event| matches!(event, Event::Acknowledged { .. }).then_some(()));
    assert_eq!(pair.expect_end(Side::B), EndedBy::Remote);
    pair.expect_clean();
}

#[test]
fn an_answered_orphan_gets_bye_from_its_stored_dialog() {
    let mut pair = Pair::new(23);
    let (caller, _) = pair.connect();
    let dialog = pair.a.dialog(caller).expect("it is up");
    pair.restart();
    assert_eq!(pair.recover(OrphanStage::Confirmed(Box::new(dialog))), RecoveryOutcome::HungUp);
    assert_eq!(pair.expect_end(Side::B), EndedBy::Remote);
    pair.expect_clean();
}

#[test]
fn an_orphan_whose_answer_nobody_noted_gets_bye_in_its_early_dialog() {
    // The 2xx came and its ACK left, but the process died before it could store that. What is known is the dialog of
    // the ringing, or nothing: then the response to the CANCEL has its tag.
    for noted in [true, false] {
        let mut pair = Pair::new(26);
        let (caller, _) = pair.connect();
        let dialog = pair.a.dialog(caller).expect("it is up");
        pair.restart();
        let died = pair.now;
        let OrphanStage::Early(mut invite) = pair.early(1) else { panic!("it is early") };
        invite.dialog = noted.then(|| Box::new(dialog));
        assert_eq!(pair.recover(OrphanStage::Early(invite)), RecoveryOutcome::HungUp);
        assert!(pair.now - died < Duration::from_secs(2), "{:?}", pair.now - died);
        assert_eq!(pair.expect_end(Side::B), EndedBy::Remote);
        pair.run_for(Duration::from_secs(200));
        pair.expect_clean();
    }
}

#[test]
fn an_orphan_whose_transaction_is_forgotten_gets_bye_in_its_early_dialog() {
    let mut pair = Pair::new(27);
    let (caller, _) = pair.connect();
    let dialog = pair.a.dialog(caller).expect("it is up");
    pair.run_for(Duration::from_secs(60));
    pair.restart();
    let OrphanStage::Early(mut invite) = pair.early(1) else { panic!("it is early") };
    invite.dialog = Some(Box::new(dialog));
    assert_eq!(pair.recover(OrphanStage::Early(invite)), RecoveryOutcome::HungUp);
    assert_eq!(pair.expect_end(Side::B), EndedBy::Remote);
    pair.run_for(Duration::from_secs(200));
    pair.expect_clean();
}

#[test]
fn an_inbound_orphan_gets_bye_too() {
    let mut pair = Pair::new(24);
    let (caller, callee) = pair.connect();
    let dialog = pair.b.dialog(callee).expect("it is up");
    pair.b = Endpoint::new(Config::default(), [78; 32]);
    let advertised = HostPort::from(Side::B.address());
    pair.b.add_listener(Listener { id: ListenerId(0), transport: Transport::Udp, advertised });
    let key = crate::endpoint::LegKey([33; 32]);
    let orphan = Orphan { key, credentials: None, stage: OrphanStage::Confirmed(Box::new(dialog)) };
    pair.act(Side::B, |b, now| b.recover(now, orphan).expect("there is room"));
    assert_eq!(pair.expect_end(Side::A), EndedBy::Remote);
    let again = pair.act(Side::A, |a, now| a.bye(now, caller, None));
    assert!(again.is_err());
    pair.expect_clean();
}

#[test]
fn an_orphan_nobody_knows_is_unknown_and_a_dead_peer_is_silent() {
    let mut pair = Pair::new(25);
    let (caller, callee) = pair.connect();
    let dialog = pair.a.dialog(caller).expect("it is up");
    pair.act(Side::B, |b, now| b.bye(now, callee, None).expect("it is up"));
    pair.run_for(Duration::from_secs(100));
    pair.restart();
    let stage = pair.early(3);
    assert_eq!(pair.recover(stage), RecoveryOutcome::Unknown);
    pair.run_for(Duration::from_secs(200));
    assert_eq!(pair.recover(OrphanStage::Confirmed(Box::new(dialog.clone()))), RecoveryOutcome::Unknown);
    pair.run_for(Duration::from_secs(200));
    pair.cut = true;
    let stage = pair.early(1);
    assert_eq!(pair.recover(stage), RecoveryOutcome::Silent);
    pair.run_for(Duration::from_secs(200));
    assert_eq!(pair.recover(OrphanStage::Confirmed(Box::new(dialog))), RecoveryOutcome::Silent);
    pair.expect_clean();
}

#[test]
fn a_kill_at_any_moment_leaves_no_callee_behind() {
    // The caller dies at each of these moments of a call that is answered at 200 ms; the store knows of the dialog
    // only what a snapshot at that moment would say.
    for at in (0..400).step_by(7) {
        let mut pair = Pair::new(at);
        pair.faults.delay = (1, 40);
        let caller = pair.call();
        let kill = pair.now + Duration::from_millis(at);
        let mut accepted = false;
        while pair.now < kill {
            if !pair.step(kill) {
                pair.now = kill;
            }
            if !accepted && pair.now - pair.start >= Duration::from_millis(200) {
                let callee = pair.incoming();
                pair.act(Side::B, |b, now| b.accept(now, callee, sdp("answer")).expect("it rings"));
                accepted = true;
            }
        }
        let dialog = pair.a.dialog(caller);
        pair.restart();
        // No process is back before the last thing it sent has arrived.
        pair.run_for(Duration::from_millis(100));
        let stage = match dialog {
            Some(dialog) => OrphanStage::Confirmed(Box::new(dialog)),
            None => pair.early(1),
        };
        pair.recover(stage);
        pair.run_for(Duration::from_secs(5));
        assert_eq!(pair.b.live_sessions(), 0, "killed at {at} ms, B still has a call 5 s later");
        pair.expect_clean();
    }
}

#[test]
fn another_host_ends_an_orphan_in_the_name_of_the_first() {
    let mut before = Puppet::new();
    let invite = before.invitation();
    let (_, sent) = before.call_with(invite.clone());
    let mut after = Puppet::with(Config::default());
    let advertised = HostPort::parse(b"198.51.100.2:5070").expect("an address");
    after.endpoint = Endpoint::new(Config::default(), [6; 32]);
    after.endpoint.add_listener(Listener { id: ListenerId(0), transport: Transport::Udp, advertised });
    let orphan = Orphan {
        key: invite.key,
        credentials: None,
        stage: OrphanStage::Early(Box::new(OrphanInvite {
            flow: invite.flow,
            sent_by: HostPort::parse(b"198.51.100.1:5060").ok(),
            uri: invite.uri,
            from: invite.from,
            to: invite.to,
            headers: invite.headers,
            invites: 1,
            dialog: None,
        })),
    };
    after.act(|endpoint, now| endpoint.recover(now, orphan)).expect("there is room");
    let cancel = after.request(&Method::Cancel);
    for name in [HeaderName::Via, HeaderName::From, HeaderName::CallId] {
        assert_eq!(cancel.headers.get(&name), sent.headers.get(&name), "{name:?}");
    }
    after.ignore();
}

#[test]
fn the_cancel_of_an_orphan_repeats_its_invite() {
    let mut before = Puppet::new();
    let mut invite = before.invitation();
    invite.headers.push(HeaderName::Route, "<sip:edge.example.org;lr>");
    let (_, sent) = before.call_with(invite.clone());
    let mut after = Puppet::with(Config::default());
    let orphan = Orphan {
        key: invite.key,
        credentials: None,
        stage: OrphanStage::Early(Box::new(OrphanInvite {
            flow: invite.flow,
            sent_by: None,
            uri: invite.uri,
            from: invite.from,
            to: invite.to,
            headers: invite.headers,
            invites: 1,
            dialog: None,
        })),
    };
    after.act(|endpoint, now| endpoint.recover(now, orphan.clone())).expect("there is room");
    let cancel = after.request(&Method::Cancel);
    assert_eq!(cancel.uri, sent.uri);
    for name in [HeaderName::Via, HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::Route] {
        assert_eq!(cancel.headers.get(&name), sent.headers.get(&name), "{name:?}");
    }
    assert_eq!(header(&cancel.headers, &HeaderName::CSeq), "1 CANCEL");
    let twice = after.act(|endpoint, now| endpoint.recover(now, orphan));
    assert_eq!(twice, Err(CommandError::DuplicateKey));
    after.run_for(Duration::from_secs(200));
    after.ignore();
    after.expect_clean();
}
