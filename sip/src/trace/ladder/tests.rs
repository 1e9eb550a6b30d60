use super::super::tests::{received, seen, sent};
use super::super::{Seen, Way};
use super::*;

const SDP: &str = "Content-Type: application/sdp\r\n\r\nv=0\r\n";

fn request(method: &str, cseq: u32, more: &str) -> String {
    format!("{method} sip:a@b SIP/2.0\r\nCall-ID: x@y\r\nCSeq: {cseq} {method}\r\n{more}")
}

fn response(status: &str, cseq: &str, more: &str) -> String {
    format!("SIP/2.0 {status}\r\nCall-ID: x@y\r\nCSeq: {cseq}\r\n{more}")
}

fn call() -> Trace {
    let challenge = response("407 Proxy Authentication Required", "1 INVITE", "\r\n");
    let messages = vec![
        sent(1_000_000, &request("INVITE", 1, SDP)),
        sent(1_500_000, &request("INVITE", 1, SDP)),
        received(1_512_000, &challenge),
        sent(1_512_400, &request("ACK", 1, "To: <sip:a@b>;tag=1\r\n\r\n")),
        sent(1_512_500, &request("INVITE", 2, &format!("Proxy-Authorization: Digest response=\"1\"\r\n{SDP}"))),
        received(2_000_000, &response("200 OK", "2 INVITE", SDP)),
        received(9_000_000, &request("INVITE", 7, &format!("To: <sip:b@c>;tag=2\r\n{SDP}"))),
        received(9_100_000, &request("INFO", 8, "Content-Type: application/dtmf-relay\r\n\r\nSignal=1\r\n")),
    ];
    Trace::restored(messages, 0, Vec::new())
}

#[test]
fn a_call_as_a_ladder() {
    let trace = call();
    let ladder = Ladder::of(&[Leg { call_id: b"x@y", trace: &trace }]);
    insta::assert_snapshot!(ladder);
    assert_eq!(ladder.participants, [Participant::Us, Participant::Peer(trace.parts().0[0].peer())]);
    let repeated: Vec<_> = ladder.steps.iter().map(|step| step.repeated).collect();
    assert_eq!(repeated, [false, true, false, false, false, false, false, false]);
    assert_eq!((ladder.began_us, ladder.steps[2].offset_us), (1_000_000, 512_000));
    assert_eq!((ladder.steps[2].from, ladder.steps[2].to), (1, 0));
}

#[test]
fn legs_are_shown_together_with_what_is_left_out() {
    let first = Trace::restored(call().parts().0[..2].to_vec(), 12, call().parts().0[6..].to_vec());
    let elsewhere = "203.0.113.9:5060".parse().expect("an address");
    let to = |at_us, text: &str| Seen { peer: elsewhere, ..seen(at_us, Way::Sent, text) }.redacted();
    let second = Trace::restored(vec![to(3_000_000, &request("INVITE", 1, SDP))], 0, Vec::new());
    let ladder = Ladder::of(&[Leg { call_id: b"x@y", trace: &first }, Leg { call_id: b"second@y", trace: &second }]);
    insta::assert_snapshot!(ladder);
    assert_eq!((ladder.left_out, ladder.steps[2].leg, ladder.steps[3].left_out_before), (12, 1, 12));
}

#[test]
fn words_of_a_peer_do_not_steer_the_terminal() {
    let status = format!("486 \u{1b}[2J\u{202e}{}", "long ".repeat(40));
    let trace = Trace::restored(vec![received(0, &response(&status, "1 INVITE\u{7}", "\r\n"))], 0, Vec::new());
    let text = Ladder::of(&[Leg { call_id: b"\x1b]0;x", trace: &trace }]).to_string();
    assert!(text.chars().all(|character| character == '\n' || is_harmless(character)), "{text:?}");
    assert!(text.lines().all(|line| line.chars().count() < 110), "{text}");
}

#[test]
fn an_empty_ladder_is_a_line() {
    let ladder = Ladder::of(&[]);
    assert_eq!(ladder.to_string().trim(), "callwright");
    let unreadable = Trace::restored(vec![received(5, "\0\0")], 0, Vec::new());
    let ladder = Ladder::of(&[Leg { call_id: b"", trace: &unreadable }]);
    assert_eq!((ladder.steps[0].label.as_str(), ladder.steps[0].outline.start), ("unreadable", Start::Unreadable));
}
