//! What a trunk's audio is like: which codecs, and whether it is encrypted.

use std::net::IpAddr;

use callwright_media::codec::{Codec, OpusTerms};
use callwright_media::frame::Rate;
use callwright_media::negotiated::Direction;
use callwright_media::sdp::{Encryption, LocalMedia};
use callwright_media::srtp::LocalKeys;
use callwright_sip::endpoint::Transport;

use crate::campaign::wire::wire_enum;

wire_enum! {
    /// Whether a trunk's audio is encrypted, with keys in the descriptions (RFC 4568).
    pub enum SrtpPolicy is "SRTP policy" {
        /// Never.
        Off = "off",
        /// Where the carrier can (RFC 8643).
        Offered = "offered",
        /// Always: a call that cannot be is not made and not taken.
        Required = "required",
    }
}

wire_enum! {
    /// A codec of a trunk.
    pub enum TrunkCodec is "codec" {
        /// G.711 μ-law: North America, Japan.
        Pcmu = "pcmu",
        /// G.711 A-law: everywhere else.
        Pcma = "pcma",
        /// G.722: between PBXs.
        G722 = "g722",
        /// Opus: browsers, and lines that lose packets.
        Opus = "opus",
        /// Linear samples of 16 bit at 8 kHz.
        L16Narrow = "l16_8k",
        /// Linear samples of 16 bit at 16 kHz.
        L16Wide = "l16_16k",
    }
}

wire_enum! {
    /// How keys pressed are told and heard on a trunk.
    #[derive(Default)]
    pub enum DtmfMode is "DTMF mode" {
        /// As telephone events where the carrier takes them, else as sound; heard in every way, but as sound only where there
        /// are no events.
        #[default]
        Auto = "auto",
        /// As telephone events (RFC 4733), or as sound to whoever takes none; heard as events alone.
        Rfc4733 = "rfc4733",
        /// By INFO with `application/dtmf-relay`, and heard so.
        Info = "info",
        /// As sound in the audio, and heard so.
        Inband = "inband",
    }
}

/// How keys leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyWay {
    /// As telephone events.
    Events,
    /// By INFO.
    Info,
    /// As sound.
    Sound,
}

impl DtmfMode {
    /// How keys leave on a call; `events` says whether both sides have agreed on telephone events.
    #[must_use]
    pub const fn way(self, events: bool) -> KeyWay {
        match self {
            Self::Auto | Self::Rfc4733 if events => KeyWay::Events,
            Self::Auto | Self::Rfc4733 | Self::Inband => KeyWay::Sound,
            Self::Info => KeyWay::Info,
        }
    }

    /// Whether telephone events are offered and taken.
    #[must_use]
    pub const fn has_events(self) -> bool {
        matches!(self, Self::Auto | Self::Rfc4733)
    }

    /// Whether keys told by INFO count.
    #[must_use]
    pub const fn hears_info(self) -> bool {
        matches!(self, Self::Auto | Self::Info)
    }

    /// Whether keys are listened for in the audio of calls without telephone events.
    #[must_use]
    pub const fn hears_sound(self) -> bool {
        matches!(self, Self::Auto | Self::Inband)
    }
}

impl TrunkCodec {
    /// What carriers have: the codecs of a trunk that names none.
    pub const USUAL: [Self; 2] = [Self::Pcmu, Self::Pcma];

    const fn codec(self) -> Codec {
        match self {
            Self::Pcmu => Codec::Pcmu,
            Self::Pcma => Codec::Pcma,
            Self::G722 => Codec::G722,
            Self::Opus => Codec::Opus(OpusTerms::OURS),
            Self::L16Narrow => Codec::L16(Rate::Hz8000),
            Self::L16Wide => Codec::L16(Rate::Hz16000),
        }
    }
}

/// What a trunk's audio is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaTerms {
    /// Whether it is encrypted.
    pub srtp: SrtpPolicy,
    /// Codecs in order of preference, each once; at least one.
    pub codecs: Vec<TrunkCodec>,
    /// How keys pressed are told and heard.
    pub dtmf: DtmfMode,
    /// The address that its descriptions name, if not that of the listener.
    pub external: Option<IpAddr>,
}

impl Default for MediaTerms {
    /// In the clear, with the usual codecs.
    fn default() -> Self {
        Self { srtp: SrtpPolicy::Off, codecs: TrunkCodec::USUAL.to_vec(), dtmf: DtmfMode::Auto, external: None }
    }
}

impl MediaTerms {
    /// Whether a call may go this way. Where encryption is a must, its keys must not travel in the open.
    #[must_use]
    pub fn allow(&self, transport: Transport) -> bool {
        match self.srtp {
            SrtpPolicy::Off | SrtpPolicy::Offered => true,
            SrtpPolicy::Required => transport.is_secure(),
        }
    }

    /// Our side of a new call, with keys of its own where it needs some. `address` is what the listener announces; the
    /// trunk's own external address stands in its place where it is of the same family.
    #[must_use]
    pub fn local(&self, address: IpAddr, port: u16) -> LocalMedia {
        let keys = || Box::new(LocalKeys::generate(&mut rand::rng()));
        LocalMedia {
            address: self.external.filter(|own| own.is_ipv4() == address.is_ipv4()).unwrap_or(address),
            port,
            codecs: self.codecs.iter().map(|codec| codec.codec()).collect(),
            dtmf: self.dtmf.has_events(),
            // RFC 8866 section 5.2 wants a number that fits 63 bits.
            session_id: rand::random::<u64>() >> 1,
            version: 1,
            ptime_ms: 20,
            direction: Direction::SendRecv,
            encryption: match self.srtp {
                SrtpPolicy::Off => Encryption::Off,
                SrtpPolicy::Offered => Encryption::Offered(keys()),
                SrtpPolicy::Required => Encryption::Required(keys()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use callwright_sip::endpoint::PeerName;

    use super::*;

    fn terms(srtp: SrtpPolicy) -> MediaTerms {
        MediaTerms { srtp, ..MediaTerms::default() }
    }

    #[test]
    fn each_call_has_keys_of_its_own_where_it_needs_some() {
        let local = |srtp| terms(srtp).local(Ipv4Addr::LOCALHOST.into(), 4_000).encryption;
        assert_eq!(local(SrtpPolicy::Off), Encryption::Off);
        assert!(matches!(local(SrtpPolicy::Offered), Encryption::Offered(_)));
        assert!(matches!(local(SrtpPolicy::Required), Encryption::Required(_)));
        assert_ne!(local(SrtpPolicy::Required), local(SrtpPolicy::Required));
    }

    #[test]
    fn codecs_are_offered_in_the_trunks_order() {
        let codecs = |codecs: &[TrunkCodec]| {
            let terms = MediaTerms { codecs: codecs.to_vec(), ..MediaTerms::default() };
            terms.local(Ipv4Addr::LOCALHOST.into(), 4_000).codecs
        };
        assert_eq!(codecs(&[TrunkCodec::Pcma, TrunkCodec::Pcmu]), [Codec::Pcma, Codec::Pcmu]);
        assert_eq!(codecs(&[TrunkCodec::Pcma]), [Codec::Pcma]);
        assert_eq!(codecs(&MediaTerms::default().codecs), [Codec::Pcmu, Codec::Pcma]);
        let opus = Codec::Opus(OpusTerms::OURS);
        assert_eq!(codecs(&[TrunkCodec::Opus, TrunkCodec::G722, TrunkCodec::Pcmu]), [opus, Codec::G722, Codec::Pcmu]);
        let linear = [Codec::L16(Rate::Hz16000), Codec::L16(Rate::Hz8000)];
        assert_eq!(codecs(&[TrunkCodec::L16Wide, TrunkCodec::L16Narrow]), linear);
    }

    #[test]
    fn the_address_of_the_trunk_stands_in_place_of_one_of_the_same_family() {
        let external: IpAddr = "203.0.113.7".parse().expect("an address");
        let terms = MediaTerms { external: Some(external), ..MediaTerms::default() };
        assert_eq!(terms.local(Ipv4Addr::LOCALHOST.into(), 4_000).address, external);
        let other: IpAddr = "2001:db8::7".parse().expect("an address");
        assert_eq!(terms.local(other, 4_000).address, other);
    }

    #[test]
    fn keys_are_told_and_heard_as_the_trunk_says() {
        use DtmfMode::{Auto, Inband, Info, Rfc4733};
        let table = DtmfMode::ALL.iter().map(|&mode| {
            let terms = MediaTerms { dtmf: mode, ..MediaTerms::default() };
            assert_eq!(terms.local(Ipv4Addr::LOCALHOST.into(), 4_000).dtmf, mode.has_events());
            (mode, mode.way(true), mode.way(false), mode.hears_info(), mode.hears_sound())
        });
        let expected = [
            (Auto, KeyWay::Events, KeyWay::Sound, true, true),
            (Rfc4733, KeyWay::Events, KeyWay::Sound, false, false),
            (Info, KeyWay::Info, KeyWay::Info, true, false),
            (Inband, KeyWay::Sound, KeyWay::Sound, false, true),
        ];
        assert_eq!(table.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn keys_that_must_stay_secret_travel_where_nobody_reads_along() {
        for open in [Transport::Udp, Transport::Tcp, Transport::Ws] {
            assert!(terms(SrtpPolicy::Off).allow(open) && terms(SrtpPolicy::Offered).allow(open));
            assert!(!terms(SrtpPolicy::Required).allow(open));
        }
        for secret in [Transport::Tls(PeerName::NONE), Transport::Wss] {
            assert!(terms(SrtpPolicy::Required).allow(secret));
        }
    }
}
