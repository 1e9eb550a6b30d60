//! A browser's leg: what its link says becomes [`LegEvent`]s. Pure.

use callwright_media::negotiated::Negotiated;

use crate::call::event::{LegEnd, LegEvent};
use crate::net::webrtc::link::{LinkEnd, LinkEvent};

/// What is known of one browser's leg.
#[derive(Debug)]
pub struct WebRtcLeg {
    negotiated: Negotiated,
    over: bool,
}

impl WebRtcLeg {
    /// A leg whose link is up.
    #[must_use]
    pub const fn new(negotiated: Negotiated) -> Self {
        Self { negotiated, over: false }
    }

    /// The description in force.
    #[must_use]
    pub const fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// Takes what the link says; nothing when it has gone without a word. It ends once.
    pub fn handle(&mut self, news: Option<LinkEvent>) -> Option<LegEvent> {
        if self.over {
            return None;
        }
        match news {
            Some(LinkEvent::Moved { remote }) => {
                self.negotiated.remote = Some(remote);
                Some(LegEvent::Renegotiated { receives: true })
            }
            Some(LinkEvent::Up { .. }) => None,
            Some(LinkEvent::Over(end)) => {
                self.over = true;
                let by = match end {
                    // The browser's DELETE is its way to hang up; ours comes when the call has decided its end already.
                    LinkEnd::Asked | LinkEnd::Closed => LegEnd::Remote,
                    LinkEnd::Silent | LinkEnd::NotConnected | LinkEnd::Refused => LegEnd::Fault,
                };
                Some(LegEvent::Ended { by, q850: None })
            }
            None => {
                self.over = true;
                Some(LegEvent::Ended { by: LegEnd::Fault, q850: None })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use callwright_media::codec::Codec;
    use callwright_media::negotiated::{Direction, RtcpPath};

    use super::*;

    fn leg() -> WebRtcLeg {
        WebRtcLeg::new(Negotiated {
            codec: Codec::Pcmu,
            payload_type: 0,
            dtmf: None,
            remote: None,
            rtcp: RtcpPath::Muxed,
            direction: Direction::SendRecv,
            ptime_ms: 20,
            srtp: None,
        })
    }

    #[test]
    fn a_browser_that_moves_is_followed() {
        let mut leg = leg();
        let remote = "192.0.2.7:4000".parse().expect("an address");
        assert_eq!(leg.handle(Some(LinkEvent::Moved { remote })), Some(LegEvent::Renegotiated { receives: true }));
        assert_eq!(leg.negotiated().remote, Some(remote));
    }

    #[test]
    fn however_a_link_ends_the_leg_ends_once() {
        let by_whom = |end: Option<LinkEnd>| leg().handle(end.map(LinkEvent::Over));
        let ended = |by| Some(LegEvent::Ended { by, q850: None });
        assert_eq!(by_whom(Some(LinkEnd::Closed)), ended(LegEnd::Remote));
        assert_eq!(by_whom(Some(LinkEnd::Asked)), ended(LegEnd::Remote));
        assert_eq!(by_whom(Some(LinkEnd::Silent)), ended(LegEnd::Fault));
        assert_eq!(by_whom(None), ended(LegEnd::Fault));
        let mut leg = leg();
        assert!(leg.handle(Some(LinkEvent::Over(LinkEnd::Closed))).is_some());
        assert_eq!((leg.handle(None), leg.handle(Some(LinkEvent::Over(LinkEnd::Closed)))), (None, None));
    }
}
