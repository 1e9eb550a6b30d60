//! Offers, answers, and what they agree on (RFC 3264).

use std::net::{IpAddr, SocketAddr};

use rtc_sdp::MediaDescription;
use rtc_sdp::description::common::{Address, Attribute, ConnectionInformation};
use rtc_sdp::description::media::{MediaName, RangedPort};
use rtc_sdp::description::session::{Origin, SessionDescription, TimeDescription, Timing};

use super::crypto::{self, CryptoLine};
use super::remote::{Destination, Remote, RemoteMedia};
use super::{LocalMedia, SdpError, secure};
use crate::codec::Codec;
use crate::negotiated::{Direction, Negotiated, RtcpPath};
use crate::rtp::COMFORT_NOISE;
use crate::srtp::{MasterKey, SrtpKeys};

/// The events offered: keys 0 to 15 and hook flash.
const DTMF_EVENTS: &str = "0-16";

/// Our offer: one audio stream with all codecs, in order.
#[must_use]
pub fn offer(local: &LocalMedia) -> Vec<u8> {
    let mut audio = Audio::new(local.direction, local.ptime_ms);
    for &codec in &local.codecs {
        audio.codec(codec, codec.payload_type());
    }
    if local.codecs.is_empty() {
        return describe(local, vec![declined("audio", "RTP/AVP", &["0".to_owned()])]);
    }
    // Events go by the clock of the audio beside them (RFC 4733 section 2.1), so each clock has its own.
    for (place, codec) in local.codecs.iter().enumerate().filter(|_| local.dtmf) {
        if local.codecs[..place].iter().all(|before| before.clock_rate() != codec.clock_rate()) {
            audio.telephone_event(codec.events_payload_type(), codec.clock_rate());
        }
    }
    audio.muxed();
    for (tag, key) in local.encryption.keys().into_iter().flat_map(crypto::tagged) {
        audio.crypto(tag, key);
    }
    describe(local, vec![audio.into_media(local.port, secure::profile(&local.encryption))])
}

/// Our answer to an offer, and what both agreed on: the first audio stream with a codec and an encryption we have, and of
/// its codecs the one the peer prefers (section 6.1). Every other stream is turned down with port 0, in its place.
pub fn answer(local: &LocalMedia, offer: &[u8]) -> Result<(Vec<u8>, Negotiated), SdpError> {
    let remote = Remote::parse(offer)?;
    let (chosen, negotiated, line) = choose(local, &remote)?;
    let mut audio = Audio::new(negotiated.direction, local.ptime_ms);
    // The numbers of the offer are kept (section 6.1 says SHOULD), so that both directions carry the same ones.
    let codec = negotiated.codec;
    let ours = local.codecs.iter().copied().find(|ours| ours.is_same_format(codec)).unwrap_or(codec);
    audio.codec(ours, negotiated.payload_type);
    if remote.media[chosen].takes_comfort_noise()
        && codec.clock_rate() == 8_000
        && negotiated.payload_type != COMFORT_NOISE
    {
        audio.map(COMFORT_NOISE, "CN", 8_000, 1);
    }
    if let Some(payload_type) = negotiated.dtmf {
        audio.telephone_event(payload_type, codec.clock_rate());
    }
    if negotiated.rtcp == RtcpPath::Muxed {
        audio.muxed();
    }
    if let (Some(line), Some(keys)) = (line, &negotiated.srtp) {
        audio.crypto(line.tag, &keys.local);
    }
    let mut audio = Some(audio);
    let media = remote.media.iter().enumerate().map(|(index, media)| match audio.take_if(|_| index == chosen) {
        Some(audio) => audio.into_media(local.port, &media.protocol),
        None => declined(&media.kind, &media.protocol, &media.formats),
    });
    let media = media.collect();
    Ok((describe(local, media), negotiated))
}

/// What a peer's answer to our [`offer`] agreed on.
pub fn accept_answer(local: &LocalMedia, answer: &[u8]) -> Result<Negotiated, SdpError> {
    let remote = Remote::parse(answer)?;
    let audio = remote.media.iter().find(|media| media.kind == "audio").ok_or(SdpError::NoAudio)?;
    if audio.port == 0 {
        return Err(SdpError::Rejected);
    }
    let line = secure::accepted(&local.encryption, audio)?;
    negotiate(local, audio, line.as_ref())
}

/// The first stream that can be used, or what is wrong with the first that cannot.
fn choose(local: &LocalMedia, remote: &Remote) -> Result<(usize, Negotiated, Option<CryptoLine>), SdpError> {
    let mut first_fault = None;
    for (index, media) in remote.media.iter().enumerate().filter(|(_, media)| media.is_live_audio()) {
        let agreed = secure::chosen(&local.encryption, media)
            .and_then(|line| negotiate(local, media, line.as_ref()).map(|negotiated| (negotiated, line)));
        match agreed {
            Ok((negotiated, line)) => return Ok((index, negotiated, line)),
            Err(fault) => first_fault = first_fault.or(Some(fault)),
        }
    }
    Err(first_fault.unwrap_or(SdpError::NoAudio))
}

fn negotiate(local: &LocalMedia, media: &RemoteMedia, line: Option<&CryptoLine>) -> Result<Negotiated, SdpError> {
    let (codec, payload_type) = media.first_codec(&local.codecs).ok_or(SdpError::NoCommonCodec)?;
    let destination = media.destination()?;
    let dtmf = media.telephone_event(codec.clock_rate()).filter(|_| local.dtmf);
    let peer = match destination {
        Destination::Unicast(_) => media.direction(),
        // The hold of RFC 2543: neither RTP nor RTCP goes to 0.0.0.0 (section 8.4), whatever the direction says.
        Destination::Hold => without_receiving(media.direction()),
    };
    let (remote, rtcp) = match destination {
        Destination::Unicast(ip) => (Some(SocketAddr::new(ip, media.port)), media.rtcp(ip)),
        Destination::Hold => (None, RtcpPath::default()),
    };
    let direction = common_direction(local.direction, peer.reversed());
    let srtp = line
        .zip(local.encryption.keys())
        .map(|(line, keys)| Box::new(SrtpKeys { local: keys.of(line.suite()).clone(), remote: line.key.clone() }));
    Ok(Negotiated { codec, payload_type, dtmf, remote, rtcp, direction, ptime_ms: media.ptime_ms(), srtp })
}

/// A stream carries what both sides allow.
fn common_direction(a: Direction, b: Direction) -> Direction {
    match (a.sends() && b.sends(), a.receives() && b.receives()) {
        (true, true) => Direction::SendRecv,
        (true, false) => Direction::SendOnly,
        (false, true) => Direction::RecvOnly,
        (false, false) => Direction::Inactive,
    }
}

fn without_receiving(direction: Direction) -> Direction {
    if direction.sends() { Direction::SendOnly } else { Direction::Inactive }
}

/// Our audio stream while it is put together.
pub(super) struct Audio {
    formats: Vec<String>,
    attributes: Vec<Attribute>,
    direction: Direction,
    ptime_ms: u8,
}

impl Audio {
    pub(super) fn new(direction: Direction, ptime_ms: u8) -> Self {
        Self { formats: Vec::new(), attributes: Vec::new(), direction, ptime_ms }
    }

    pub(super) fn codec(&mut self, codec: Codec, payload_type: u8) {
        self.map(payload_type, codec.encoding_name(), codec.clock_rate(), codec.channels());
        if let Codec::Opus(terms) = codec {
            self.value("fmtp", format!("{payload_type} {}", terms.print()));
        }
    }

    fn telephone_event(&mut self, payload_type: u8, clock_rate: u32) {
        self.map(payload_type, "telephone-event", clock_rate, 1);
        self.value("fmtp", format!("{payload_type} {DTMF_EVENTS}"));
    }

    /// RTCP may come over the port of RTP (RFC 5761 section 5.1.1).
    fn muxed(&mut self) {
        self.attributes.push(Attribute::new("rtcp-mux".to_owned(), None));
    }

    fn crypto(&mut self, tag: u32, key: &MasterKey) {
        self.value("crypto", crypto::print(tag, key));
    }

    fn map(&mut self, payload_type: u8, encoding: &str, clock_rate: u32, channels: u8) {
        self.formats.push(payload_type.to_string());
        let channels = if channels == 1 { String::new() } else { format!("/{channels}") };
        self.value("rtpmap", format!("{payload_type} {encoding}/{clock_rate}{channels}"));
    }

    pub(super) fn value(&mut self, key: &str, value: String) {
        self.attributes.push(Attribute::new(key.to_owned(), Some(value)));
    }

    pub(super) fn into_media(mut self, port: u16, protocol: &str) -> MediaDescription {
        self.value("ptime", self.ptime_ms.to_string());
        let direction = match self.direction {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        };
        self.attributes.push(Attribute::new(direction.to_owned(), None));
        let media_name = media_name("audio", port, protocol, &self.formats);
        MediaDescription { media_name, attributes: self.attributes, ..MediaDescription::default() }
    }
}

/// A stream turned down: port 0 and the formats of the offer (section 6).
pub(super) fn declined(kind: &str, protocol: &str, formats: &[String]) -> MediaDescription {
    MediaDescription { media_name: media_name(kind, 0, protocol, formats), ..MediaDescription::default() }
}

fn media_name(kind: &str, port: u16, protocol: &str, formats: &[String]) -> MediaName {
    MediaName {
        media: kind.to_owned(),
        port: RangedPort { value: port as isize, range: None },
        protos: protocol.split('/').map(str::to_owned).collect(),
        formats: formats.to_vec(),
    }
}

pub(super) fn describe(local: &LocalMedia, media_descriptions: Vec<MediaDescription>) -> Vec<u8> {
    let address_type = match local.address {
        IpAddr::V4(_) => "IP4",
        IpAddr::V6(_) => "IP6",
    };
    let address = local.address.to_string();
    let description = SessionDescription {
        version: 0,
        origin: Origin {
            username: "-".to_owned(),
            session_id: local.session_id,
            session_version: local.version,
            network_type: "IN".to_owned(),
            address_type: address_type.to_owned(),
            unicast_address: address.clone(),
        },
        session_name: "-".to_owned(),
        connection_information: Some(ConnectionInformation {
            network_type: "IN".to_owned(),
            address_type: address_type.to_owned(),
            address: Some(Address { address, ttl: None, range: None }),
        }),
        time_descriptions: vec![TimeDescription {
            timing: Timing { start_time: 0, stop_time: 0 },
            repeat_times: Vec::new(),
        }],
        media_descriptions,
        ..SessionDescription::default()
    };
    description.marshal().into_bytes()
}
