//! What a peer's description says.
//!
//! `rtc-sdp` wants the exact order of lines of RFC 8866 and gives up at the first one it does not know. Real peers
//! reorder lines, leave out `s=` and `t=`, and append lines of their own. So the lines that matter (`c=`, `a=`, `m=`)
//! are first put into a description of canonical shape; everything else is dropped.

use std::io::Cursor;
use std::net::{IpAddr, SocketAddr};

use rtc_sdp::MediaDescription;
use rtc_sdp::description::common::{Attribute, ConnectionInformation};
use rtc_sdp::description::session::SessionDescription;

use super::{MAX_BYTES, MAX_LINES, MAX_MEDIA, SdpError};
use crate::codec::{Codec, OpusTerms};
use crate::negotiated::{Direction, RtcpPath};
use crate::rtp::COMFORT_NOISE;

/// Media types that `rtc-sdp` knows. A line of another type goes through it as `application`.
const KNOWN_TYPES: [&str; 6] = ["audio", "video", "text", "application", "message", "image"];

/// Packet time where the peer asks for none, or for one that cannot be.
const DEFAULT_PTIME_MS: u8 = 20;

/// A peer's description.
#[derive(Debug)]
pub(super) struct Remote {
    /// Its streams, in order.
    pub(super) media: Vec<RemoteMedia>,
}

/// One `m=` line with everything that belongs to it.
#[derive(Debug)]
pub(super) struct RemoteMedia {
    /// `audio`, `video`…
    pub(super) kind: String,
    /// Port where the peer receives; 0 switches the stream off.
    pub(super) port: u16,
    /// `RTP/AVP`…
    pub(super) protocol: String,
    /// Payload types or format names, in the peer's order.
    pub(super) formats: Vec<String>,
    connection: Option<ConnectionInformation>,
    /// Attributes of the stream, then those of the session: the first of a name counts.
    attributes: Vec<Attribute>,
}

/// Where a stream's packets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// To this address.
    Unicast(IpAddr),
    /// Nowhere: 0.0.0.0 or ::, the hold of RFC 2543.
    Hold,
}

impl Remote {
    /// Reads a description within the bounds of this module.
    pub(super) fn parse(body: &[u8]) -> Result<Self, SdpError> {
        let canonical = Canonical::from(body)?;
        let description = SessionDescription::unmarshal(&mut Cursor::new(canonical.text.as_bytes()))
            .map_err(|_| SdpError::Connection)?;
        let session = description.attributes;
        let connection = description.connection_information;
        let media = description
            .media_descriptions
            .into_iter()
            .zip(canonical.kinds)
            .map(|(media, kind)| RemoteMedia::new(media, kind, connection.as_ref(), &session))
            .collect();
        Ok(Self { media })
    }
}

impl RemoteMedia {
    fn new(
        media: MediaDescription,
        kind: String,
        connection: Option<&ConnectionInformation>,
        session: &[Attribute],
    ) -> Self {
        let name = media.media_name;
        let mut attributes = media.attributes;
        attributes.extend_from_slice(session);
        Self {
            kind,
            port: u16::try_from(name.port.value).unwrap_or(0),
            protocol: name.protos.join("/"),
            formats: name.formats,
            connection: media.connection_information.or_else(|| connection.cloned()),
            attributes,
        }
    }

    /// An audio stream that is switched on.
    pub(super) fn is_live_audio(&self) -> bool {
        self.kind == "audio" && self.port != 0
    }

    /// Whether its profile is a secure one.
    pub(super) fn is_secure(&self) -> Result<bool, SdpError> {
        match self.protocol.as_str() {
            "RTP/AVP" | "RTP/AVPF" => Ok(false),
            "RTP/SAVP" | "RTP/SAVPF" => Ok(true),
            protocol if protocol.contains("SAVP") => Err(SdpError::SecureMedia),
            _ => Err(SdpError::Transport),
        }
    }

    /// The stream's own address, or the session's.
    pub(super) fn destination(&self) -> Result<Destination, SdpError> {
        let connection = self.connection.as_ref().ok_or(SdpError::Connection)?;
        let address = connection.address.as_ref().ok_or(SdpError::Connection)?;
        let ip: IpAddr = address.address.parse().map_err(|_| SdpError::Address)?;
        let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
        match ip {
            ip if ip.is_unspecified() => Ok(Destination::Hold),
            ip if ip.is_multicast() || broadcast => Err(SdpError::Address),
            ip => Ok(Destination::Unicast(ip)),
        }
    }

    /// First codec, in the peer's order, that is one of `ours`, on the peer's terms and with its payload type.
    pub(super) fn first_codec(&self, ours: &[Codec]) -> Option<(Codec, u8)> {
        self.payload_types().find_map(|payload_type| {
            let codec = ours.iter().find(|codec| match self.mapping(payload_type) {
                Some(mapping) => mapping.is(codec.encoding_name(), codec.clock_rate(), codec.channels()),
                None => codec.static_payload_type() == Some(payload_type),
            })?;
            Some((self.on_its_terms(*codec, payload_type), payload_type))
        })
    }

    fn on_its_terms(&self, codec: Codec, payload_type: u8) -> Codec {
        match codec {
            Codec::Opus(_) => Codec::Opus(self.parameters(payload_type).map(OpusTerms::parse).unwrap_or_default()),
            Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::L16(_) => codec,
        }
    }

    /// Payload type of telephone events at the clock rate of the audio.
    pub(super) fn telephone_event(&self, clock_rate: u32) -> Option<u8> {
        self.payload_types()
            .find(|&number| self.mapping(number).is_some_and(|mapping| mapping.is("telephone-event", clock_rate, 1)))
    }

    /// Whether it takes comfort noise at 8 kHz (RFC 3389), under its own number.
    pub(super) fn takes_comfort_noise(&self) -> bool {
        self.payload_types().any(|number| {
            number == COMFORT_NOISE && self.mapping(number).is_none_or(|mapping| mapping.is("CN", 8_000, 1))
        })
    }

    /// Direction seen from the peer; sendrecv when it says none (RFC 8866 section 6.7).
    pub(super) fn direction(&self) -> Direction {
        self.attributes
            .iter()
            .find_map(|attribute| match attribute.key.as_str() {
                "sendrecv" => Some(Direction::SendRecv),
                "sendonly" => Some(Direction::SendOnly),
                "recvonly" => Some(Direction::RecvOnly),
                "inactive" => Some(Direction::Inactive),
                _ => None,
            })
            .unwrap_or(Direction::SendRecv)
    }

    /// Length of the packets the peer would like to get, in ms, which is no more than it can take.
    pub(super) fn ptime_ms(&self) -> u8 {
        let wanted = self.milliseconds("ptime").unwrap_or(DEFAULT_PTIME_MS);
        self.milliseconds("maxptime").map_or(wanted, |most| wanted.min(most))
    }

    fn milliseconds(&self, key: &str) -> Option<u8> {
        self.values(key).next()?.trim().parse().ok().filter(|length| (10..=200).contains(length))
    }

    /// The parameters of a payload type.
    fn parameters(&self, payload_type: u8) -> Option<&str> {
        self.values("fmtp").find_map(|value| of_number(value, payload_type))
    }

    /// Where it takes RTCP, when its RTP goes to `ip`. Of two ways the one over the port of RTP is taken (RFC 5761 section
    /// 5.1.3). An `a=rtcp` (RFC 3605) that cannot be read, and one whose address is nobody's, is passed over.
    pub(super) fn rtcp(&self, ip: IpAddr) -> RtcpPath {
        if self.attributes.iter().any(|attribute| attribute.key == "rtcp-mux") {
            return RtcpPath::Muxed;
        }
        let said = self.values("rtcp").next().and_then(|value| {
            let mut parts = value.split_whitespace();
            let port: u16 = parts.next()?.parse().ok().filter(|port| *port != 0)?;
            let ip = match (parts.next(), parts.next(), parts.next()) {
                (None, None, None) => ip,
                (Some("IN"), Some("IP4" | "IP6"), Some(address)) => address.parse().ok()?,
                _ => return None,
            };
            let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
            (!ip.is_unspecified() && !ip.is_multicast() && !broadcast).then(|| SocketAddr::new(ip, port))
        });
        said.map_or(RtcpPath::Beside, RtcpPath::At)
    }

    fn payload_types(&self) -> impl Iterator<Item = u8> {
        self.formats.iter().filter_map(|format| format.parse().ok()).filter(|&number| number < 128)
    }

    fn mapping(&self, payload_type: u8) -> Option<Mapping<'_>> {
        self.values("rtpmap").find_map(|value| of_number(value, payload_type)).map(Mapping::parse)
    }

    /// The values of its attributes of this name, in order.
    pub(super) fn values(&self, key: &str) -> impl Iterator<Item = &str> {
        self.attributes.iter().filter(move |attribute| attribute.key == key).filter_map(|a| a.value.as_deref())
    }
}

/// Right side of an `a=rtpmap`: `PCMU/8000` or `PCMU/8000/1`.
struct Mapping<'a> {
    encoding: &'a str,
    clock_rate: Option<u32>,
    channels: &'a str,
}

impl<'a> Mapping<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.splitn(3, '/');
        Self {
            encoding: parts.next().unwrap_or_default(),
            clock_rate: parts.next().and_then(|rate| rate.parse().ok()),
            channels: parts.next().unwrap_or("1"),
        }
    }

    fn is(&self, encoding: &str, clock_rate: u32, channels: u8) -> bool {
        let same_channels = self.channels.parse() == Ok(channels);
        self.encoding.eq_ignore_ascii_case(encoding) && self.clock_rate == Some(clock_rate) && same_channels
    }
}

/// What an attribute that begins with a payload type says of this one.
fn of_number(value: &str, payload_type: u8) -> Option<&str> {
    let (number, rest) = value.trim().split_once(char::is_whitespace)?;
    (number.parse() == Ok(payload_type)).then(|| rest.trim())
}

/// A description with the lines that matter in the order of RFC 8866.
struct Canonical {
    text: String,
    /// Media types as the peer wrote them.
    kinds: Vec<String>,
}

impl Canonical {
    fn from(body: &[u8]) -> Result<Self, SdpError> {
        if body.len() > MAX_BYTES {
            return Err(SdpError::TooLong { bytes: body.len() });
        }
        let text = String::from_utf8_lossy(body);
        let mut lines = text.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty());
        if lines.next() != Some("v=0") {
            return Err(SdpError::NotSdp);
        }
        let mut sections = vec![Section::default()];
        let mut kinds = Vec::new();
        for (number, line) in lines.enumerate() {
            if number + 1 >= MAX_LINES {
                return Err(SdpError::TooManyLines);
            }
            let Some((kind, value)) = line.split_once('=') else { continue };
            let section = sections.last_mut().expect("the session's section is always there");
            match kind {
                "c" => section.connection = section.connection.take().or_else(|| known_connection(value)),
                "a" => section.attributes.push(value),
                "m" => {
                    let media = MediaLine::parse(value).ok_or(SdpError::MediaLine { index: kinds.len() })?;
                    if kinds.len() >= MAX_MEDIA {
                        return Err(SdpError::TooManyMedia);
                    }
                    kinds.push(media.kind.to_owned());
                    sections.push(Section { media: Some(media), ..Section::default() });
                }
                _ => {}
            }
        }
        let text = sections.iter().fold(String::with_capacity(text.len() + 64), |mut text, section| {
            section.print(&mut text);
            text
        });
        Ok(Self { text, kinds })
    }
}

/// The session's part of a description, or that of one stream.
#[derive(Default)]
struct Section<'a> {
    media: Option<MediaLine<'a>>,
    connection: Option<&'a str>,
    attributes: Vec<&'a str>,
}

impl Section<'_> {
    fn print(&self, text: &mut String) {
        let mut line = |parts: &[&str]| {
            parts.iter().for_each(|part| text.push_str(part));
            text.push_str("\r\n");
        };
        if let Some(media) = &self.media {
            let kind = if KNOWN_TYPES.contains(&media.kind) { media.kind } else { "application" };
            line(&["m=", kind, " ", media.rest]);
        } else {
            line(&["v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-"]);
        }
        if let Some(connection) = self.connection {
            line(&["c=", connection]);
        }
        if self.media.is_none() {
            line(&["t=0 0"]);
        }
        for attribute in &self.attributes {
            line(&["a=", attribute]);
        }
    }
}

/// An `m=` line whose parts are all there and readable.
struct MediaLine<'a> {
    kind: &'a str,
    /// Port, protocol and formats.
    rest: &'a str,
}

impl<'a> MediaLine<'a> {
    fn parse(value: &'a str) -> Option<Self> {
        let (kind, rest) = value.split_once(char::is_whitespace)?;
        let mut parts = rest.split_whitespace();
        let (port, count) = parts.next().map(|port| port.split_once('/').unwrap_or((port, "1")))?;
        port.parse::<u16>().ok()?;
        count.parse::<u16>().ok()?;
        let protocol_is_whole = parts.next()?.split('/').all(|part| !part.is_empty());
        (!kind.is_empty() && protocol_is_whole && parts.next().is_some()).then_some(Self { kind, rest })
    }
}

/// A `c=` value without its TTL; `None` for networks other than the Internet, which nobody uses.
fn known_connection(value: &str) -> Option<&str> {
    let value = value.split('/').next().unwrap_or(value);
    let mut parts = value.split_whitespace();
    let known = parts.next() == Some("IN") && matches!(parts.next(), Some("IP4" | "IP6"));
    (known && parts.next().is_some()).then_some(value)
}
