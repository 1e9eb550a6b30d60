//! Descriptions of recording sessions (RFC 7866 section 7): the two sides of a call as two streams of their own, which we
//! send and which nobody answers.

use std::net::{IpAddr, SocketAddr};

use super::offer_answer::{Audio, declined, describe};
use super::remote::{Destination, Remote, RemoteMedia};
use super::{Encryption, LocalMedia, SdpError};
use crate::codec::Codec;
use crate::codec::g711::Law;
use crate::negotiated::Direction;

/// The streams of a recording session: what the far side of the call says, and what we say.
pub const SIDES: usize = 2;

/// Labels of the streams (RFC 4574), by which the metadata names them.
pub const LABELS: [&str; SIDES] = ["1", "2"];

/// Codecs offered to recorders.
const CODECS: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

/// Our side of a recording session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingMedia {
    /// The address that the recorder sees.
    pub address: IpAddr,
    /// Where each stream comes from.
    pub ports: [u16; SIDES],
    /// Session id of the `o=` line.
    pub session_id: u64,
    /// Its version: one more in each description that differs from the one before.
    pub version: u64,
}

/// How a recorder takes one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordingStream {
    /// Which of the laws of G.711, which is all that recorders are offered.
    pub law: Law,
    /// Payload type.
    pub payload_type: u8,
    /// Where the packets go.
    pub to: SocketAddr,
}

/// How a recorder takes the streams; one that it has turned down, or paused, is not sent.
pub type RecordingStreams = [Option<RecordingStream>; SIDES];

/// Our offer: both streams, sent only, each with its label.
#[must_use]
pub fn offer_recording(local: &RecordingMedia) -> Vec<u8> {
    let media = LABELS.iter().zip(local.ports).map(|(label, port)| {
        let mut audio = Audio::new(Direction::SendOnly, 20);
        for codec in CODECS {
            audio.codec(codec, codec.payload_type());
        }
        audio.value("label", (*label).to_owned());
        audio.into_media(port, "RTP/AVP")
    });
    describe(&local.session(), media.collect())
}

/// What a recorder's answer to our [`offer_recording`] takes.
///
/// # Errors
/// The answer cannot be read, or takes neither stream.
pub fn accept_recording(answer: &[u8]) -> Result<RecordingStreams, SdpError> {
    let streams = streams(&Remote::parse(answer)?)?;
    if streams.iter().all(Option::is_none) { Err(SdpError::Rejected) } else { Ok(streams) }
}

/// The answer to an offer that a recorder makes in the course of a session, to pause and go on (RFC 7866 section 7.2.1),
/// and what it takes from then on, which may be nothing.
///
/// # Errors
/// The offer cannot be read or wants what we do not have: refuse it with 488.
pub fn answer_recording(local: &RecordingMedia, offer: &[u8]) -> Result<(Vec<u8>, RecordingStreams), SdpError> {
    let remote = Remote::parse(offer)?;
    let streams = streams(&remote)?;
    let media = remote.media.iter().enumerate().map(|(index, media)| {
        let side = LABELS.get(index).zip(local.ports.get(index)).filter(|_| media.is_live_audio());
        let codec = media.first_codec(&CODECS);
        let (Some((label, port)), Some((codec, payload_type))) = (side, codec) else {
            return declined(&media.kind, &media.protocol, &media.formats);
        };
        let sends = streams[index].is_some();
        let mut audio = Audio::new(if sends { Direction::SendOnly } else { Direction::Inactive }, 20);
        audio.codec(codec, payload_type);
        audio.value("label", (*label).to_owned());
        audio.into_media(*port, &media.protocol)
    });
    Ok((describe(&local.session(), media.collect()), streams))
}

fn streams(remote: &Remote) -> Result<RecordingStreams, SdpError> {
    let mut streams = [None; SIDES];
    for (stream, media) in streams.iter_mut().zip(&remote.media) {
        *stream = if media.is_live_audio() { taken(media)? } else { None };
    }
    Ok(streams)
}

/// How a stream is taken; nothing of it while the recorder does not listen.
fn taken(media: &RemoteMedia) -> Result<Option<RecordingStream>, SdpError> {
    if media.is_secure()? {
        return Err(SdpError::SecureMedia);
    }
    let (codec, payload_type) = media.first_codec(&CODECS).ok_or(SdpError::NoCommonCodec)?;
    let law = if codec == Codec::Pcma { Law::A } else { Law::Mu };
    let Destination::Unicast(ip) = media.destination()? else { return Ok(None) };
    let to = SocketAddr::new(ip, media.port);
    Ok(media.direction().receives().then_some(RecordingStream { law, payload_type, to }))
}

impl RecordingMedia {
    /// What a description says of us beside its streams.
    fn session(&self) -> LocalMedia {
        LocalMedia {
            address: self.address,
            port: self.ports[0],
            codecs: CODECS.to_vec(),
            dtmf: false,
            session_id: self.session_id,
            version: self.version,
            ptime_ms: 20,
            direction: Direction::SendOnly,
            encryption: Encryption::Off,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> RecordingMedia {
        RecordingMedia { address: IpAddr::from([192, 0, 2, 1]), ports: [4_000, 4_002], session_id: 7, version: 1 }
    }

    fn description(media: &[&str]) -> Vec<u8> {
        let head = "v=0\r\no=r 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n";
        format!("{head}{}\r\n", media.join("\r\n")).into_bytes()
    }

    fn to(port: u16, codec: Codec) -> Option<RecordingStream> {
        let to = SocketAddr::from(([192, 0, 2, 9], port));
        let law = if codec == Codec::Pcma { Law::A } else { Law::Mu };
        Some(RecordingStream { law, payload_type: codec.payload_type(), to })
    }

    #[test]
    fn both_sides_are_offered_with_their_labels_and_sent_only() {
        let offer = String::from_utf8(offer_recording(&local())).expect("text");
        let lines: Vec<_> = offer.lines().collect();
        for (port, label) in [(4_000, 1), (4_002, 2)] {
            let at = lines.iter().position(|line| *line == format!("m=audio {port} RTP/AVP 0 8")).expect("a stream");
            let own: Vec<_> = lines[at + 1..].iter().take_while(|line| line.starts_with("a=")).collect();
            assert!(own.contains(&&format!("a=label:{label}").as_str()), "{own:?}");
            assert!(own.contains(&&"a=sendonly"), "{own:?}");
        }
    }

    #[test]
    fn a_recorder_takes_both_sides_or_one_and_never_none() {
        let both = ["m=audio 9000 RTP/AVP 0", "a=recvonly", "m=audio 9002 RTP/AVP 8", "a=recvonly"];
        let taken = accept_recording(&description(&both));
        assert_eq!(taken, Ok([to(9_000, Codec::Pcmu), to(9_002, Codec::Pcma)]));
        let one = ["m=audio 9000 RTP/AVP 0", "a=recvonly", "m=audio 0 RTP/AVP 0"];
        assert_eq!(accept_recording(&description(&one)), Ok([to(9_000, Codec::Pcmu), None]));
        let none = ["m=audio 0 RTP/AVP 0", "m=audio 0 RTP/AVP 0"];
        assert_eq!(accept_recording(&description(&none)), Err(SdpError::Rejected));
        assert_eq!(accept_recording(b"v=1"), Err(SdpError::NotSdp));
    }

    #[test]
    fn a_recorder_pauses_and_goes_on() {
        let offer = |direction| {
            description(&[
                "m=audio 9000 RTP/AVP 0",
                direction,
                "m=audio 9002 RTP/AVP 0",
                direction,
                "m=video 1 RTP/AVP 9",
            ])
        };
        let (answer, streams) = answer_recording(&local(), &offer("a=inactive")).expect("an answer");
        let answer = String::from_utf8(answer).expect("text");
        assert_eq!(streams, [None, None]);
        assert_eq!(answer.matches("a=inactive").count(), 2, "{answer}");
        assert!(answer.contains("m=video 0 RTP/AVP 9"), "{answer}");
        let (answer, streams) = answer_recording(&local(), &offer("a=recvonly")).expect("an answer");
        let answer = String::from_utf8(answer).expect("text");
        assert_eq!(streams, [to(9_000, Codec::Pcmu), to(9_002, Codec::Pcmu)]);
        assert_eq!(answer.matches("a=sendonly").count(), 2, "{answer}");
        assert_eq!(answer.matches("a=label:").count(), 2, "{answer}");
    }
}
