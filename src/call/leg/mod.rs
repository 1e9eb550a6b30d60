//! The legs of calls.

pub mod sip;
pub mod webrtc;

use callwright_media::negotiated::Negotiated;
use callwright_sip::endpoint::DialogSnapshot;

use self::sip::SipLeg;
use self::webrtc::WebRtcLeg;

/// The way to the far side of a call.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a call has one")]
pub enum Leg {
    /// Over SIP.
    Sip(SipLeg),
    /// To a browser.
    WebRtc(WebRtcLeg),
}

impl Leg {
    /// The description in force.
    #[must_use]
    pub fn negotiated(&self) -> Option<&Negotiated> {
        match self {
            Self::Sip(leg) => leg.negotiated(),
            Self::WebRtc(leg) => Some(leg.negotiated()),
        }
    }

    /// The latest dialog, where there are dialogs.
    #[must_use]
    pub fn dialog(&self) -> Option<&DialogSnapshot> {
        match self {
            Self::Sip(leg) => leg.dialog(),
            Self::WebRtc(_) => None,
        }
    }
}
