//! A call in a wideband codec: what is kept of it, and what somebody who listens in hears.

use std::fs::File;
use std::io::BufReader;
use std::net::Ipv4Addr;
use std::time::Duration;

use callwright::call::call::CallConfig;
use callwright::call::listen::{Next, POSITION};
use callwright::config::SipTransport::Udp;
use callwright::trunk::media::{MediaTerms, TrunkCodec};
use callwright_media::codec::{Codec, Encoder};
use callwright_media::frame::Rate;
use callwright_media::recording::RecordingReader;
use callwright_media::rtp::{HEADER_LENGTH, RtpHeader};
use tokio::net::UdpSocket;
use tokio::time::{interval, timeout};

use crate::office::{Office, PATIENCE};
use crate::phone::Phone;

const NUMBER: &str = "+4930901820";
/// What the callee whistles, in Hz: more than a telephone line carries.
const WHISTLE: f64 = 6_000.0;

fn whistle(n: usize) -> f64 {
    (std::f64::consts::TAU * WHISTLE * n as f64 / 16_000.0).sin()
}

/// Whistles in G.722 to whoever sends something, for ever.
async fn whistles(socket: UdpSocket) {
    let (_, to) = socket.recv_from(&mut [0; 2_048]).await.expect("the agent's side sends");
    let mut encoder = Encoder::new(Codec::G722, Rate::Hz16000);
    let mut clock = interval(Duration::from_millis(20));
    for number in 0..u16::MAX {
        clock.tick().await;
        let first = usize::from(number) * 320;
        let samples: Vec<i16> = (first..first + 320).map(|n| (8_000.0 * whistle(n)) as i16).collect();
        let mut packet = [0; HEADER_LENGTH + 160];
        let (header, payload) = packet.split_first_chunk_mut().expect("longer than a header");
        let (sequence, timestamp) = (number, u32::from(number) * 160);
        RtpHeader { marker: number == 0, payload_type: 9, sequence, timestamp, ssrc: 6 }.write(header);
        assert_eq!(encoder.encode(&samples, payload), 160);
        let _ = socket.send_to(&packet, to).await;
    }
}

/// How much of samples at 16 kHz is the whistle, 0 to 1.
fn share(samples: &[i16]) -> f64 {
    let turn = std::f64::consts::TAU * WHISTLE / 16_000.0;
    let part = |of: fn(f64) -> f64| -> f64 {
        samples.iter().enumerate().map(|(n, &sample)| f64::from(sample) * of(turn * n as f64)).sum()
    };
    let all: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    2.0 * (part(f64::sin).powi(2) + part(f64::cos).powi(2)) / (all.max(1.0) * samples.len() as f64)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_in_g722_is_recorded_and_heard_by_listeners_at_16_khz() {
    let office = Office::new(Udp, 28_400, CallConfig::default(), 100).await;
    let mut phone = Phone::new(Udp, 29_000).await;
    phone.codecs = vec![Codec::G722];
    let mut order = office.order(phone.address(), NUMBER);
    order.invite.media = MediaTerms { codecs: vec![TrunkCodec::G722, TrunkCodec::Pcma], ..MediaTerms::default() };
    let call = order.call;
    let attempt = office.place(order);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback binds");
    let port = socket.local_addr().expect("a bound socket has an address").port();
    let line = phone.rings().await.answer_as(|_| port, |_| ()).await;
    let whistling = tokio::spawn(whistles(socket));

    let listening = async {
        loop {
            let live = office.calls.get(call).is_some_and(|call| call.stage.answered().is_some());
            if live && let Ok((listener, _)) = office.calls.listen(office.org, call) {
                return listener;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let mut listener = timeout(PATIENCE, listening).await.expect("it is answered in time");
    assert_eq!(listener.rate(), Rate::Hz16000);
    let mut heard = Vec::new();
    while heard.len() < 24_000 {
        match timeout(PATIENCE, listener.next()).await.expect("sound in time") {
            Some(Next::Sound(message)) => {
                assert_eq!(message.len(), POSITION + 4 * Rate::Hz16000.samples());
                heard.extend(message[POSITION..].chunks_exact(4).map(|both| i16::from_le_bytes([both[0], both[1]])));
            }
            Some(Next::Happened(_) | Next::Missed(_)) => {}
            None => panic!("the call goes on"),
        }
    }
    assert!(share(&heard[8_000..]) > 0.8, "who listens hears the whistle: {}", share(&heard[8_000..]));
    line.hangs_up().await;
    whistling.abort();

    let (_, report) = attempt.ends().await;
    let recording = report.recording.expect("an answered call is recorded");
    let difference = recording.duration.abs_diff(report.outcome.talk_time());
    assert!(difference < Duration::from_millis(150), "recording and call differ by {difference:?}");
    let file = File::open(office.recordings.join(&recording.path)).expect("the recording is there");
    let reader = RecordingReader::new(BufReader::new(file)).expect("it is a recording");
    assert_eq!(reader.rate(), Rate::Hz16000);
    let (caller, agent): (Vec<i16>, Vec<i16>) = reader.unzip();
    let second = caller.len() - 16_000;
    assert!(share(&caller[second..]) > 0.8, "it is on the recording: {}", share(&caller[second..]));
    assert!(agent.iter().any(|sample| sample.unsigned_abs() > 1_000), "and so is the agent");
}
