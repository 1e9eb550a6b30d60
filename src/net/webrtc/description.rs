//! What a browser offers and what it is answered (RFC 8829 as far as one stream of audio asks for it), pure.
//!
//! One stream of audio is taken: the first that is wanted, encrypted by DTLS, and has a codec of ours. All others are turned down
//! in their place. The answer is that of a side that checks nothing itself (`a=ice-lite`) and lets the browser begin the handshake.

use std::fmt::Write as _;
use std::net::SocketAddr;

use callwright_media::codec::{Codec, OpusTerms};
use callwright_media::negotiated::{Direction, Negotiated, RtcpPath};

use super::ice::Credentials;
use super::identity::Fingerprint;

/// Longest offer, in bytes. Those of browsers have some 5,000 for audio alone.
pub const MAX_BYTES: usize = 64 * 1024;
/// Most lines.
const MAX_LINES: usize = 2_048;
/// Most streams.
const MAX_MEDIA: usize = 32;
/// Longest user fragment and password (RFC 8839 section 5.4).
const MAX_CREDENTIAL: usize = 256;
/// Length of our packets, in milliseconds.
const PACKET_MS: u8 = 20;
/// Priority of the one candidate: a host's, first component (RFC 8445 section 5.1.2.1).
const PRIORITY: u32 = (126 << 24) | (65_535 << 8) | 255;

/// What the session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Both speak.
    Talk,
    /// The browser listens, to one channel or to two.
    Listen {
        /// The caller left, the agent right.
        stereo: bool,
    },
}

/// Why an offer cannot be taken: the browser's fault, or that of whoever wrote its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// Not a description.
    #[error("line {0} is none of a session description: send what `createOffer` has made, as it is")]
    Unreadable(usize),
    /// Beyond every browser's.
    #[error("it is longer than any browser's: at most {MAX_BYTES} bytes, {MAX_LINES} lines and {MAX_MEDIA} streams")]
    TooLong,
    /// No stream of audio.
    #[error("it has no audio: add an audio transceiver before `createOffer`")]
    NoAudio,
    /// A stream that is not WebRTC's.
    #[error("its audio is not encrypted by DTLS: the protocol has to be UDP/TLS/RTP/SAVPF")]
    NotEncrypted,
    /// RTCP on a port of its own.
    #[error("it does not send RTCP over the port of RTP: `rtcpMuxPolicy` has to be `require`")]
    NotMuxed,
    /// No user fragment or password.
    #[error("it has no `a=ice-ufrag` and `a=ice-pwd`")]
    NoCredentials,
    /// No fingerprint of a kind we know.
    #[error("it has no `a=fingerprint` with sha-256")]
    NoFingerprint,
    /// The browser wants to be the server of DTLS, or says nothing.
    #[error("`a=setup` has to be `actpass` or `active`")]
    Passive,
    /// No codec in common.
    #[error("it has none of Opus at 48000/2, PCMU and PCMA")]
    NoCodec,
    /// Two sides are wanted and one is offered.
    #[error("whoever talks sends and receives: the direction of the audio transceiver has to be `sendrecv`")]
    NotBothWays,
    /// The browser does not want to hear anything.
    #[error("whoever listens receives: the direction of the audio transceiver has to be `recvonly`")]
    NotReceiving,
    /// Two channels are wanted, and Opus is not offered.
    #[error("two channels need Opus: offer it, or ask for `channels=mixed`")]
    NoStereo,
}

/// What is taken of an offer.
#[derive(Debug, PartialEq, Eq)]
pub struct Offer {
    /// The browser's side of ICE.
    pub remote: Credentials,
    /// The certificate that the browser has to prove to hold.
    pub fingerprint: Fingerprint,
    purpose: Purpose,
    streams: Vec<Stream>,
    /// The one that is taken.
    audio: usize,
    bundled: bool,
    codec: Codec,
    payload_type: u8,
    dtmf: Option<u8>,
}

/// A stream as it is answered.
#[derive(Debug, PartialEq, Eq)]
struct Stream {
    kind: String,
    protocol: String,
    format: String,
    mid: Option<String>,
}

/// Our side of the answer.
#[derive(Clone, Copy, Debug)]
pub struct Ours<'a> {
    /// Our side of ICE.
    pub local: &'a Credentials,
    /// Our certificate.
    pub fingerprint: Fingerprint,
    /// Where browsers reach us.
    pub candidate: SocketAddr,
    /// Names the session in its origin line.
    pub session: u64,
}

/// One section of an offer while it is read.
#[derive(Default)]
struct Section<'a> {
    media: Option<Media<'a>>,
    attributes: Vec<(&'a str, &'a str)>,
}

#[derive(Clone, Copy)]
struct Media<'a> {
    kind: &'a str,
    port: &'a str,
    protocol: &'a str,
    formats: &'a str,
}

impl Offer {
    /// Reads an offer and chooses.
    ///
    /// # Errors
    /// [`OfferError`] says what to offer instead.
    pub fn parse(offer: &[u8], purpose: Purpose) -> Result<Self, OfferError> {
        let sections = sections(offer)?;
        let (session, media) = sections.split_first().ok_or(OfferError::Unreadable(1))?;
        let audio = media.iter().position(Section::is_live_audio).ok_or(OfferError::NoAudio)?;
        let chosen = &media[audio];
        if chosen.media.is_none_or(|media| media.protocol != "UDP/TLS/RTP/SAVPF") {
            return Err(OfferError::NotEncrypted);
        }
        if chosen.attribute("rtcp-mux").is_none() {
            return Err(OfferError::NotMuxed);
        }
        let either = |name| chosen.attribute(name).or_else(|| session.attribute(name));
        let remote = credentials(either("ice-ufrag"), either("ice-pwd")).ok_or(OfferError::NoCredentials)?;
        let fingerprint = chosen.fingerprint().or_else(|| session.fingerprint()).ok_or(OfferError::NoFingerprint)?;
        if !matches!(either("setup"), Some("actpass" | "active")) {
            return Err(OfferError::Passive);
        }
        let theirs = chosen.direction().or_else(|| session.direction()).unwrap_or(Direction::SendRecv);
        match purpose {
            Purpose::Talk if theirs != Direction::SendRecv => return Err(OfferError::NotBothWays),
            Purpose::Listen { .. } if !theirs.receives() => return Err(OfferError::NotReceiving),
            Purpose::Talk | Purpose::Listen { .. } => {}
        }
        let (codec, payload_type) = chosen.codec(purpose)?;
        let dtmf = chosen.telephone_event(codec.clock_rate()).filter(|_| purpose == Purpose::Talk);
        let mid = chosen.attribute("mid");
        let bundled = mid.is_some_and(|mid| session.bundles(mid));
        let streams = media.iter().map(Section::stream).collect();
        Ok(Self { remote, fingerprint, purpose, streams, audio, bundled, codec, payload_type, dtmf })
    }

    /// What both sides agree on, before there are keys and an address.
    #[must_use]
    pub fn negotiated(&self) -> Negotiated {
        let direction = match self.purpose {
            Purpose::Talk => Direction::SendRecv,
            Purpose::Listen { .. } => Direction::SendOnly,
        };
        Negotiated {
            codec: self.codec,
            payload_type: self.payload_type,
            dtmf: self.dtmf,
            remote: None,
            rtcp: RtcpPath::Muxed,
            direction,
            ptime_ms: PACKET_MS,
            srtp: None,
        }
    }

    /// The answer.
    #[must_use]
    pub fn answer(&self, ours: Ours<'_>) -> String {
        let mut text = String::with_capacity(1_024);
        let ip = ours.candidate.ip();
        let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
        let _ = write!(text, "v=0\r\no=- {} 1 IN {family} {ip}\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n", ours.session);
        if let (true, Some(mid)) = (self.bundled, &self.streams[self.audio].mid) {
            let _ = write!(text, "a=group:BUNDLE {mid}\r\n");
        }
        for (index, stream) in self.streams.iter().enumerate() {
            if index == self.audio {
                self.audio(&mut text, stream, ours, family);
            } else {
                stream.decline(&mut text, family);
            }
        }
        text
    }

    fn audio(&self, text: &mut String, stream: &Stream, ours: Ours<'_>, family: &str) {
        let Stream { kind, protocol, .. } = stream;
        let (candidate, payload_type, clock) = (ours.candidate, self.payload_type, self.codec.clock_rate());
        let (ip, port) = (candidate.ip(), candidate.port());
        let events = self.dtmf.map(|event| format!(" {event}")).unwrap_or_default();
        let _ = write!(text, "m={kind} {port} {protocol} {payload_type}{events}\r\nc=IN {family} {ip}\r\n");
        if let Some(mid) = &stream.mid {
            let _ = write!(text, "a=mid:{mid}\r\n");
        }
        let Credentials { ufrag, password } = ours.local;
        let direction = if self.purpose == Purpose::Talk { "sendrecv" } else { "sendonly" };
        let _ = write!(
            text,
            "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=fingerprint:sha-256 {}\r\na=setup:passive\r\na=rtcp-mux\r\n\
             a={direction}\r\na=msid:callwright audio\r\n",
            ours.fingerprint
        );
        let channels = if self.codec.channels() > 1 { format!("/{}", self.codec.channels()) } else { String::new() };
        let _ = write!(text, "a=rtpmap:{payload_type} {}/{clock}{channels}\r\n", self.codec.encoding_name());
        if let Codec::Opus(_) = self.codec {
            let terms = match self.purpose {
                Purpose::Listen { stereo: true } => "stereo=1;sprop-stereo=1".to_owned(),
                Purpose::Talk | Purpose::Listen { stereo: false } => OpusTerms::OURS.print(),
            };
            let _ = write!(text, "a=fmtp:{payload_type} {terms}\r\n");
        }
        if let Some(event) = self.dtmf {
            let _ = write!(text, "a=rtpmap:{event} telephone-event/{clock}\r\na=fmtp:{event} 0-16\r\n");
        }
        let _ = write!(
            text,
            "a=ptime:{PACKET_MS}\r\na=candidate:1 1 udp {PRIORITY} {ip} {port} typ host\r\na=end-of-candidates\r\n"
        );
    }
}

impl Stream {
    /// Port 0, in its place (RFC 3264 section 6).
    fn decline(&self, text: &mut String, family: &str) {
        let any = if family == "IP4" { "0.0.0.0" } else { "::" };
        let Self { kind, protocol, format, mid } = self;
        let _ = write!(text, "m={kind} 0 {protocol} {format}\r\nc=IN {family} {any}\r\n");
        if let Some(mid) = mid {
            let _ = write!(text, "a=mid:{mid}\r\n");
        }
        text.push_str("a=inactive\r\n");
    }
}

impl<'a> Section<'a> {
    fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn all(&self, name: &'static str) -> impl Iterator<Item = &'a str> {
        self.attributes.iter().filter(move |(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn is_live_audio(&self) -> bool {
        self.media.is_some_and(|media| media.kind == "audio" && media.port != "0")
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        let mut sha256 = self.all("fingerprint").filter_map(|value| {
            let (kind, bytes) = value.split_once(' ')?;
            kind.eq_ignore_ascii_case("sha-256").then(|| Fingerprint::parse(bytes.trim()))?
        });
        sha256.next()
    }

    fn direction(&self) -> Option<Direction> {
        self.attributes.iter().find_map(|(name, _)| match *name {
            "sendrecv" => Some(Direction::SendRecv),
            "sendonly" => Some(Direction::SendOnly),
            "recvonly" => Some(Direction::RecvOnly),
            "inactive" => Some(Direction::Inactive),
            _ => None,
        })
    }

    fn bundles(&self, mid: &str) -> bool {
        let mut groups = self.all("group").filter_map(|group| group.strip_prefix("BUNDLE "));
        groups.any(|mids| mids.split(' ').any(|other| other == mid))
    }

    /// The payload types of the stream with their encodings, in the browser's order.
    fn encodings(&self) -> impl Iterator<Item = (u8, &'a str)> {
        let formats = self.media.map_or("", |media| media.formats).split(' ');
        formats.filter_map(|format| {
            let payload_type = format.parse::<u8>().ok().filter(|payload_type| *payload_type < 128)?;
            let named = self.all("rtpmap").find_map(|map| map.strip_prefix(format)?.strip_prefix(' '));
            let encoding = named.or(match payload_type {
                0 => Some("PCMU/8000"),
                8 => Some("PCMA/8000"),
                _ => None,
            })?;
            Some((payload_type, encoding.trim()))
        })
    }

    /// The first codec of ours. Two channels are Opus alone.
    fn codec(&self, purpose: Purpose) -> Result<(Codec, u8), OfferError> {
        let known = |(payload_type, encoding): (u8, &str)| {
            let is =
                |name: &str| encoding.eq_ignore_ascii_case(name) || encoding.eq_ignore_ascii_case(&format!("{name}/1"));
            if encoding.eq_ignore_ascii_case("opus/48000/2") {
                Some((Codec::Opus(self.opus_terms(payload_type)), payload_type))
            } else if is("PCMU/8000") {
                Some((Codec::Pcmu, payload_type))
            } else if is("PCMA/8000") {
                Some((Codec::Pcma, payload_type))
            } else {
                None
            }
        };
        let mut ours = self.encodings().filter_map(known);
        match purpose {
            Purpose::Listen { stereo: true } => {
                ours.find(|(codec, _)| matches!(codec, Codec::Opus(_))).ok_or(OfferError::NoStereo)
            }
            Purpose::Talk | Purpose::Listen { stereo: false } => ours.next().ok_or(OfferError::NoCodec),
        }
    }

    fn opus_terms(&self, payload_type: u8) -> OpusTerms {
        let wanted = payload_type.to_string();
        let parameters = self.all("fmtp").find_map(|value| value.strip_prefix(&wanted)?.strip_prefix(' '));
        parameters.map_or_else(OpusTerms::default, OpusTerms::parse)
    }

    fn telephone_event(&self, clock: u32) -> Option<u8> {
        let wanted = format!("telephone-event/{clock}");
        let mut events = self.encodings().filter(|(_, encoding)| encoding.eq_ignore_ascii_case(&wanted));
        events.next().map(|(payload_type, _)| payload_type)
    }

    fn stream(&self) -> Stream {
        let (kind, protocol, formats) =
            self.media.map_or(("audio", "", ""), |media| (media.kind, media.protocol, media.formats));
        let format = formats.split(' ').next().filter(|format| !format.is_empty()).unwrap_or("0");
        Stream {
            kind: kind.to_owned(),
            protocol: protocol.to_owned(),
            format: format.to_owned(),
            mid: self.attribute("mid").filter(|mid| is_token(mid)).map(str::to_owned),
        }
    }
}

/// The session's section and one for each stream.
fn sections(offer: &[u8]) -> Result<Vec<Section<'_>>, OfferError> {
    if offer.len() > MAX_BYTES {
        return Err(OfferError::TooLong);
    }
    let text = std::str::from_utf8(offer).map_err(|_| OfferError::Unreadable(1))?;
    let mut sections = vec![Section::default()];
    for (index, line) in text.lines().enumerate() {
        if index >= MAX_LINES || sections.len() > MAX_MEDIA + 1 {
            return Err(OfferError::TooLong);
        }
        let fault = OfferError::Unreadable(index + 1);
        let Some((kind, value)) = line.split_once('=') else {
            if line.trim().is_empty() {
                continue;
            }
            return Err(fault);
        };
        match kind {
            "v" if index == 0 && value == "0" => {}
            _ if index == 0 || kind.len() != 1 => return Err(fault),
            "m" => sections.push(Section { media: Some(media(value).ok_or(fault)?), attributes: Vec::new() }),
            "a" => {
                let attribute = value.split_once(':').unwrap_or((value, ""));
                if let Some(section) = sections.last_mut() {
                    section.attributes.push(attribute);
                }
            }
            _ => {}
        }
    }
    if text.trim().is_empty() { Err(OfferError::Unreadable(1)) } else { Ok(sections) }
}

fn media(line: &str) -> Option<Media<'_>> {
    let (kind, rest) = line.split_once(' ')?;
    let (port, rest) = rest.split_once(' ')?;
    let (protocol, formats) = rest.split_once(' ')?;
    port.split('/').next()?.parse::<u16>().ok()?;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    (plain(kind) && plain(protocol) && formats.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()))
        .then_some(Media { kind, port, protocol, formats })
}

fn credentials(ufrag: Option<&str>, password: Option<&str>) -> Option<Credentials> {
    let letters = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte));
    let ufrag = ufrag.filter(letters).filter(|text| (4..=MAX_CREDENTIAL).contains(&text.len()))?;
    let password = password.filter(letters).filter(|text| (22..=MAX_CREDENTIAL).contains(&text.len()))?;
    Some(Credentials { ufrag: ufrag.to_owned(), password: password.to_owned() })
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The user fragment and the password in a fragment of a description (RFC 8840 section 9), which tells more of the browser's
/// candidates or begins ICE anew.
///
/// # Errors
/// [`OfferError`] says what is wrong with it.
pub fn fragment(text: &[u8]) -> Result<Credentials, OfferError> {
    if text.len() > MAX_BYTES {
        return Err(OfferError::TooLong);
    }
    let text = std::str::from_utf8(text).map_err(|_| OfferError::Unreadable(1))?;
    let find = |name: &str| text.lines().find_map(|line| line.trim_end().strip_prefix(name));
    credentials(find("a=ice-ufrag:"), find("a=ice-pwd:")).ok_or(OfferError::NoCredentials)
}

#[cfg(test)]
mod tests;
