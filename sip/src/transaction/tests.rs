//! The four tables as they are: every state, every input, what follows. A change of a machine shows here.

use super::{Action, Actions, Client, ClientInvite, Intervals, Server, ServerInvite, Timer};
use super::{client, client_invite, server, server_invite};
use std::fmt::Write;
use std::time::Duration;

const INTERVALS: Intervals =
    Intervals { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) };

#[test]
fn client_invite() {
    use client_invite::{Input, State};
    let states = [
        ("Calling", State::Calling { resend_after: Duration::from_secs(4) }),
        ("Proceeding", State::Proceeding),
        ("Completed", State::Completed),
        ("Accepted", State::Accepted),
        ("Terminated", State::Terminated),
    ];
    let mut inputs = vec![
        ("1xx".to_owned(), Input::Provisional),
        ("2xx".to_owned(), Input::Success),
        ("300-699".to_owned(), Input::Failure),
        ("transport error".to_owned(), Input::TransportError),
    ];
    inputs.extend(Timer::ALL.map(|timer| (format!("timer {timer:?}"), Input::Fired(timer))));
    let mut table = String::new();
    for reliable in [false, true] {
        let (machine, actions) = ClientInvite::start(reliable, &INTERVALS);
        row(&mut table, reliable, "", "start", &format!("{:?}", machine.state), &actions);
        for (name, state) in &states {
            for (input_name, input) in &inputs {
                let mut machine = machine.clone();
                machine.state = *state;
                let actions = machine.handle(*input, &INTERVALS);
                row(&mut table, reliable, name, input_name, &changed(state, &machine.state), &actions);
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn client() {
    use client::{Input, State};
    let states = [
        ("Trying", State::Trying { resend_after: Duration::from_secs(2) }),
        ("Trying late", State::Trying { resend_after: Duration::from_secs(4) }),
        ("Proceeding", State::Proceeding),
        ("Completed", State::Completed),
        ("Terminated", State::Terminated),
    ];
    let mut inputs = vec![
        ("1xx".to_owned(), Input::Provisional),
        ("200-699".to_owned(), Input::Final),
        ("transport error".to_owned(), Input::TransportError),
    ];
    inputs.extend(Timer::ALL.map(|timer| (format!("timer {timer:?}"), Input::Fired(timer))));
    let mut table = String::new();
    for reliable in [false, true] {
        let (machine, actions) = Client::start(reliable, &INTERVALS);
        row(&mut table, reliable, "", "start", &format!("{:?}", machine.state), &actions);
        for (name, state) in &states {
            for (input_name, input) in &inputs {
                let mut machine = machine.clone();
                machine.state = *state;
                let actions = machine.handle(*input, &INTERVALS);
                row(&mut table, reliable, name, input_name, &changed(state, &machine.state), &actions);
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn server_invite() {
    use server_invite::{Input, State};
    let states = [
        ("Proceeding", State::Proceeding { latest: vec![1] }),
        ("Completed", State::Completed { response: vec![3], resend_after: Duration::from_secs(1) }),
        ("Confirmed", State::Confirmed),
        ("Accepted", State::Accepted),
        ("Terminated", State::Terminated),
    ];
    let mut inputs = vec![
        ("INVITE".to_owned(), Input::Retransmission),
        ("ACK".to_owned(), Input::Ack),
        ("send 1xx".to_owned(), Input::RespondProvisional(vec![1])),
        ("send 2xx".to_owned(), Input::RespondSuccess),
        ("send 300-699".to_owned(), Input::RespondFailure(vec![3])),
        ("transport error".to_owned(), Input::TransportError),
    ];
    inputs.extend(Timer::ALL.map(|timer| (format!("timer {timer:?}"), Input::Fired(timer))));
    let mut table = String::new();
    for reliable in [false, true] {
        let (machine, actions) = ServerInvite::start(reliable, vec![0], false);
        row(&mut table, reliable, "", "start", &format!("{:?}", machine.state), &actions);
        for (name, state) in &states {
            for (input_name, input) in &inputs {
                let mut machine = machine.clone();
                machine.state.clone_from(state);
                let actions = machine.handle(input.clone(), &INTERVALS);
                row(&mut table, reliable, name, input_name, &changed(state, &machine.state), &actions);
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn server() {
    use server::{Input, State};
    let states = [
        ("Trying", State::Trying),
        ("Completed", State::Completed { response: vec![2] }),
        ("Terminated", State::Terminated),
    ];
    let mut inputs = vec![
        ("request".to_owned(), Input::Retransmission),
        ("send 200-699".to_owned(), Input::Respond(vec![2])),
        ("transport error".to_owned(), Input::TransportError),
    ];
    inputs.extend(Timer::ALL.map(|timer| (format!("timer {timer:?}"), Input::Fired(timer))));
    let mut table = String::new();
    for reliable in [false, true] {
        let (machine, actions) = Server::start(reliable);
        row(&mut table, reliable, "", "start", &format!("{:?}", machine.state), &actions);
        for (name, state) in &states {
            for (input_name, input) in &inputs {
                let mut machine = machine.clone();
                machine.state.clone_from(state);
                let actions = machine.handle(input.clone(), &INTERVALS);
                row(&mut table, reliable, name, input_name, &changed(state, &machine.state), &actions);
            }
        }
    }
    insta::assert_snapshot!(table);
}

fn changed<S: std::fmt::Debug + PartialEq>(before: &S, after: &S) -> String {
    if before == after { "same".to_owned() } else { format!("{after:?}") }
}

/// One line a transition; those that do nothing are left out.
fn row(table: &mut String, reliable: bool, state: &str, input: &str, next: &str, actions: &Actions) {
    let list: Vec<String> = actions.iter().map(describe).collect();
    if next == "same" && list.is_empty() {
        return;
    }
    let transport = if reliable { "TCP" } else { "UDP" };
    writeln!(table, "{transport} | {state} | {input} | {next} | {}", list.join(", ")).expect("strings take all");
}

fn describe(action: Action) -> String {
    match action {
        Action::Start(timer, after) => format!("start {timer:?} {after:?}"),
        Action::Stop(timer) => format!("stop {timer:?}"),
        Action::Report(fault) => format!("report {fault:?}"),
        Action::Send => "send".to_owned(),
        Action::Acknowledge => "ack".to_owned(),
        Action::Deliver => "deliver".to_owned(),
        Action::End => "end".to_owned(),
    }
}
