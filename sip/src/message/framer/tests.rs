use super::*;
use crate::message::Method;

const HEAD: &str = "Via: SIP/2.0/TCP host.example.com;branch=z9hG4bK1\r\nFrom: <sip:a@example.com>;tag=1\r\n\
To: <sip:b@example.com>\r\nCall-ID: 1\r\n";

fn message(method: &str, extra: &str, body: &str) -> String {
    format!("{method} sip:b@example.com SIP/2.0\r\n{HEAD}CSeq: 1 {method}\r\n{extra}\r\n{body}")
}

fn options() -> String {
    message("OPTIONS", "Content-Length: 0\r\n", "")
}

/// What a frame is, in a word.
fn word(frame: Result<Frame, FrameError>) -> String {
    match frame {
        Ok(Frame::Ping) => "ping".to_owned(),
        Ok(Frame::Pong) => "pong".to_owned(),
        Ok(Frame::Message(message)) => match *message {
            Message::Request(request) => format!("{} {}", request.method, request.body.len()),
            Message::Response(response) => format!("{} {}", response.status, response.body.len()),
        },
        Err(FrameError::Malformed(error)) => format!("malformed: {error}"),
        Err(FrameError::Fatal(fault)) => format!("fatal: {fault}"),
    }
}

/// All frames of a stream that arrives in the given pieces.
fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut framer = StreamFramer::new();
    let mut words = Vec::new();
    for piece in pieces {
        framer.push(piece);
        while let Some(frame) = framer.next() {
            words.push(word(frame));
        }
    }
    words
}

fn frames_of(stream: &str) -> Vec<String> {
    frames([stream.as_bytes()])
}

#[test]
fn pipelined_messages_come_one_by_one() {
    let stream = options() + &message("MESSAGE", "l: 5\r\n", "hello") + &options();
    assert_eq!(frames_of(&stream), ["OPTIONS 0", "MESSAGE 5", "OPTIONS 0"]);
}

#[test]
fn pieces_of_any_size_make_the_same_frames() {
    let stream = options() + "\r\n\r\n" + &message("MESSAGE", "Content-Length:\r\n 7\r\n", "\r\n\r\nabc") + &options();
    let whole = frames_of(&stream);
    assert_eq!(whole, ["OPTIONS 0", "ping", "MESSAGE 7", "OPTIONS 0"]);
    for size in [2, 3, 7, 64, 500] {
        let mut words = frames(stream.as_bytes().chunks(size));
        // A ping cut in two is heard as a pong first.
        words.retain(|word| word != "pong");
        assert_eq!(words, whole, "in pieces of {size}");
    }
}

#[test]
fn keep_alive_in_halves() {
    assert_eq!(frames_of("\r\n\r\n"), ["ping"]);
    assert_eq!(frames_of("\r\n\r\n\r\n\r\n"), ["ping", "ping"]);
    assert_eq!(frames_of("\r\n"), ["pong"]);
    assert_eq!(frames([&b"\r"[..], b"\n"]), ["pong"]);
    // The first half may have been an answer to our own ping; the second makes it a ping to be answered.
    assert_eq!(frames([&b"\r\n"[..], b"\r\n"]), ["pong", "ping"]);
    assert_eq!(frames([&b"\r\n\r"[..], b"\n"]), ["pong", "ping"]);
    let stream = format!("\r\n{}", options());
    assert_eq!(frames_of(&stream), ["pong", "OPTIONS 0"]);
    assert_eq!(frames([&b"\r\n"[..], options().as_bytes(), b"\r\n"]), ["pong", "OPTIONS 0", "pong"]);
}

#[test]
fn a_malformed_message_is_skipped() {
    let bad = message("BYE", "Content-Length: 3\r\nnonsense\r\n", "abc");
    let stream = options() + &bad + "garbage\r\n\r\n" + &options();
    let words = frames_of(&stream);
    assert_eq!(words.len(), 4, "{words:?}");
    assert!(words[1].starts_with("malformed: bad header line"), "{words:?}");
    assert!(words[2].starts_with("malformed: bad start line"), "{words:?}");
    assert_eq!((words[0].as_str(), words[3].as_str()), ("OPTIONS 0", "OPTIONS 0"));
}

#[test]
fn a_message_without_length_has_no_body() {
    let stream = message("BYE", "", "") + &options();
    assert_eq!(frames_of(&stream), ["BYE 0", "OPTIONS 0"]);
}

#[test]
fn lengths_that_cannot_be_used_end_the_stream() {
    for (extra, fault) in [
        ("Content-Length: 65536\r\n", StreamFault::BodyTooLong),
        ("Content-Length: 99999999999999999999999\r\n", StreamFault::Length),
        ("Content-Length: -1\r\n", StreamFault::Length),
        ("Content-Length:\r\n", StreamFault::Length),
        ("Content-Length: 1\r\n 2\r\n", StreamFault::Length),
        ("Content-Length: 1\r\nl: 2\r\n", StreamFault::Length),
    ] {
        let stream = options() + &message("BYE", extra, "") + &options();
        assert_eq!(frames_of(&stream), ["OPTIONS 0".to_owned(), format!("fatal: {fault}")], "{extra}");
    }
    let twice = message("BYE", "Content-Length: 0\r\nl : 0\r\n", "");
    assert_eq!(frames_of(&twice), ["BYE 0"]);
}

#[test]
fn a_head_without_end_ends_the_stream_and_frees_its_memory() {
    let mut framer = StreamFramer::new();
    let mut last = None;
    for _ in 0..40 {
        framer.push(&[b'a'; 2048]);
        while let Some(frame) = framer.next() {
            last = Some(word(frame));
        }
        assert!(framer.buffer.len() <= MAX_MESSAGE + 2048);
    }
    assert_eq!(last, Some("fatal: head too long".to_owned()));
    assert_eq!(framer.buffer.capacity(), 0);
}

#[test]
fn a_large_message_is_framed_and_the_buffer_is_reused() {
    let body = "x".repeat(60_000);
    let stream = message("MESSAGE", "Content-Length: 60000\r\n", &body);
    let mut framer = StreamFramer::new();
    for _ in 0..3 {
        for piece in stream.as_bytes().chunks(1000) {
            framer.push(piece);
            while let Some(frame) = framer.next() {
                assert_eq!(word(frame), "MESSAGE 60000");
            }
        }
        assert!(framer.buffer.is_empty());
    }
    assert!(matches!(parse(stream.as_bytes()), Ok(Message::Request(request)) if request.method == Method::Message));
}
