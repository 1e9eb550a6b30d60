//! The recording session of one call, pure: what the recorder says becomes what is sent to it.

use callwright_media::sdp::{
    RecordingMedia, RecordingStreams, SIDES, accept_recording, answer_recording, offer_recording,
};
use callwright_sip::endpoint::{Body, Event};
use callwright_sip::message::StatusCode;

use super::metadata::CONTENT_TYPE;
use crate::pii::Pii;

/// Between the parts of our body. It stands in none of them: it is longer than any line of theirs may be alike.
const BOUNDARY: &str = "callwright-recording-session-boundary";

/// What the shell is to do.
#[derive(Debug)]
pub(super) enum Step {
    /// The streams go this way from now on; those without a way are not sent.
    Send(RecordingStreams),
    /// Answer an offer.
    Answer(Result<Body, StatusCode>),
    /// End the session: the recorder has answered, and takes neither stream.
    HangUp,
    /// It is over.
    Over(Over),
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// It was never answered; the status, if there was one.
    Refused(Option<u16>),
    /// After it was answered.
    Ended,
}

/// One recording session.
#[derive(Debug)]
pub(super) struct RecordingSession {
    local: RecordingMedia,
}

impl RecordingSession {
    pub(super) const fn new(local: RecordingMedia) -> Self {
        Self { local }
    }

    /// The body of the INVITE: description and metadata (RFC 7866 section 9.1).
    pub(super) fn invitation(&self, metadata: &Pii<String>) -> Body {
        let mut bytes = Vec::new();
        let metadata = metadata.expose().as_bytes();
        let sdp = offer_recording(&self.local);
        for (content_type, disposition, part) in
            [("application/sdp", "session", &sdp[..]), (CONTENT_TYPE, "recording-session", metadata)]
        {
            let head =
                format!("--{BOUNDARY}\r\nContent-Type: {content_type}\r\nContent-Disposition: {disposition}\r\n\r\n");
            bytes.extend_from_slice(head.as_bytes());
            bytes.extend_from_slice(part);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        Body { content_type: format!("multipart/mixed;boundary={BOUNDARY}"), bytes }
    }

    /// What an event of the endpoint asks for, in this order.
    pub(super) fn handle(&mut self, event: Event) -> Vec<Step> {
        match event {
            Event::Answered { body, .. } => match body.as_ref().map(|body| accept_recording(&body.bytes)) {
                Some(Ok(streams)) => vec![Step::Send(streams)],
                Some(Err(_)) | None => vec![Step::HangUp],
            },
            Event::Failed { failure, .. } => {
                vec![Step::Over(Over::Refused(failure.status.map(|status| status.code())))]
            }
            Event::Ended { .. } => vec![Step::Over(Over::Ended)],
            Event::Reoffer { body, .. } => self.reoffer(body.as_ref()),
            // The answer to what we offered again: in a refresh, or because the recorder wanted an offer.
            Event::Reanswered { body, .. } => vec![Step::Send(accept_recording(&body.bytes).unwrap_or([None; SIDES]))],
            // The rest is news of calls that are not like this one.
            Event::Incoming { .. }
            | Event::Provisional { .. }
            | Event::Redirected { .. }
            | Event::Cancelled { .. }
            | Event::Acknowledged { .. }
            | Event::Reoffered { .. }
            | Event::Info { .. }
            | Event::Refer { .. }
            | Event::Referred { .. }
            | Event::Recovered { .. }
            | Event::ProbeResult { .. }
            | Event::Health { .. }
            | Event::Rebound { .. }
            | Event::RegistrationState { .. }
            | Event::Register { .. }
            | Event::Malformed { .. }
            | Event::Unproved { .. } => Vec::new(),
        }
    }

    fn reoffer(&mut self, body: Option<&Body>) -> Vec<Step> {
        self.local.version += 1;
        let Some(body) = body else {
            return vec![Step::Answer(Ok(Body::sdp(offer_recording(&self.local))))];
        };
        match answer_recording(&self.local, &body.bytes) {
            Ok((answer, streams)) => vec![Step::Answer(Ok(Body::sdp(answer))), Step::Send(streams)],
            Err(error) => {
                self.local.version -= 1;
                let malformed = error.is_malformed();
                let status = if malformed { StatusCode::BAD_REQUEST } else { StatusCode::NOT_ACCEPTABLE_HERE };
                vec![Step::Answer(Err(status))]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use callwright_sip::endpoint::{EndedBy, SessionId};

    use super::*;

    const SESSION: SessionId = SessionId(1);

    fn session() -> RecordingSession {
        let address = IpAddr::from([192, 0, 2, 1]);
        RecordingSession::new(RecordingMedia { address, ports: [4_000, 4_002], session_id: 7, version: 1 })
    }

    fn sdp(direction: &str) -> Body {
        let head = "v=0\r\no=r 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n";
        let stream = |port| format!("m=audio {port} RTP/AVP 0\r\na={direction}\r\n");
        Body::sdp(format!("{head}{}{}", stream(9_000), stream(9_002)).into_bytes())
    }

    fn ports(streams: &RecordingStreams) -> [u16; SIDES] {
        streams.map(|stream| stream.map_or(0, |stream| stream.to.port()))
    }

    #[test]
    fn the_invitation_has_two_parts() {
        let body = session().invitation(&Pii::new("<recording/>".to_owned()));
        assert_eq!(body.content_type, format!("multipart/mixed;boundary={BOUNDARY}"));
        let text = String::from_utf8(body.bytes).expect("text");
        let parts: Vec<_> = text.split(&format!("--{BOUNDARY}")).collect();
        assert_eq!((parts.len(), parts[0], parts[3]), (4, "", "--\r\n"));
        assert!(parts[1].contains("application/sdp\r\nContent-Disposition: session\r\n\r\nv=0"), "{text}");
        let metadata = "application/rs-metadata+xml\r\nContent-Disposition: recording-session\r\n\r\n<recording/>\r\n";
        assert!(parts[2].ends_with(metadata), "{text}");
    }

    #[test]
    fn a_recorder_pauses_goes_on_and_ends() {
        let mut session = session();
        let reoffer = |body| Event::Reoffer { session: SESSION, body };
        let paused = session.handle(reoffer(Some(sdp("inactive"))));
        assert!(matches!(&paused[..], [Step::Answer(Ok(_)), Step::Send(streams)] if ports(streams) == [0, 0]));
        let on = session.handle(reoffer(Some(sdp("recvonly"))));
        assert!(matches!(&on[..], [Step::Answer(Ok(_)), Step::Send(streams)] if ports(streams) == [9_000, 9_002]));
        let version = session.local.version;
        let broken = session.handle(reoffer(Some(Body::sdp(b"x".to_vec()))));
        assert!(matches!(&broken[..], [Step::Answer(Err(StatusCode::BAD_REQUEST))]));
        assert_eq!(session.local.version, version, "what was not sent is not counted");
        let asked = session.handle(reoffer(None));
        assert!(matches!(&asked[..], [Step::Answer(Ok(_))]));
        let answered = session.handle(Event::Reanswered { session: SESSION, body: sdp("recvonly") });
        assert!(matches!(&answered[..], [Step::Send(streams)] if ports(streams) == [9_000, 9_002]));
        let over = session.handle(Event::Ended { session: SESSION, by: EndedBy::Remote, reason: None });
        assert!(matches!(over[..], [Step::Over(Over::Ended)]));
    }
}
