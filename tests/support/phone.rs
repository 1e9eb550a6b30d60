//! A telephone with real sockets: rings, answers, listens, speaks, hangs up.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use callwright::config::{ListenerConfig, SipTransport};
use callwright::net::media_leg::MediaCommand;
use callwright::net::media_ring::MediaNews;
use callwright::net::media_worker::{MediaLeg, MediaWorkers};
use callwright::net::ports::RtpPorts;
use callwright::net::reports::reports;
use callwright::net::sip_driver::{self, IncomingCall, Protection, SipHandle, SipService};
use callwright::net::sip_tls::SipTls;
use callwright::time;
use callwright_media::codec::Codec;
use callwright_media::digit::Digit;
use callwright_media::level::rms_dbfs;
use callwright_media::negotiated::{Direction, Negotiated};
use callwright_media::sdp::{self, Encryption, LocalMedia};
use callwright_media::session::{ClipId, ReportConfig, Session, SessionConfig};
use callwright_sip::endpoint::{
    Body, Conduct, Config, Credential, Event, Flow, Invite, LegKey, PeerName, Rejection, SessionId, Transport,
};
use callwright_sip::message::header::NameAddr;
use callwright_sip::message::{Headers, HostPort, Request, StatusCode, Uri};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::office::PATIENCE;

pub(crate) struct Phone {
    service: SipService,
    ports: RtpPorts,
    workers: MediaWorkers,
    /// What it answers challenges with.
    #[allow(dead_code, reason = "most offices ask for nothing")]
    pub(crate) credentials: Option<Credential>,
    /// Whether its audio is encrypted.
    #[allow(dead_code, reason = "most telephones do not know of it")]
    pub(crate) encryption: Encryption,
    /// Its codecs, the best first.
    pub(crate) codecs: Vec<Codec>,
    /// Which name those whom it calls by TLS have to prove.
    pub(crate) callee: PeerName,
    _stop: CancellationToken,
}

impl Phone {
    pub(crate) async fn new(transport: SipTransport, first_port: u16) -> Self {
        Self::with(transport, first_port, Config::default()).await
    }

    pub(crate) async fn with(transport: SipTransport, first_port: u16, config: Config) -> Self {
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = ListenerConfig { transport, bind, external: None, external_media: None };
        let stop = CancellationToken::new();
        let service = sip_driver::start(&[listener], config, [9; 32], stop.clone()).await;
        Self::on(service.expect("loopback binds"), first_port, stop)
    }

    /// One that speaks TLS, and believes whoever proves to be `localhost`.
    #[allow(dead_code, reason = "most tests call in the open")]
    pub(crate) async fn over_tls(tls: SipTls, first_port: u16) -> Self {
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = ListenerConfig { transport: SipTransport::Tls, bind, external: None, external_media: None };
        let stop = CancellationToken::new();
        let callee = tls.names().learn("localhost").expect("a name");
        let service =
            sip_driver::start_with(&[listener], tls, Config::default(), Protection::off(), [9; 32], stop.clone()).await;
        Self { callee, ..Self::on(service.expect("loopback binds"), first_port, stop) }
    }

    fn on(service: SipService, first_port: u16, stop: CancellationToken) -> Self {
        Self {
            service,
            ports: RtpPorts::new(Ipv4Addr::LOCALHOST.into(), first_port..=first_port + 198, 1),
            workers: MediaWorkers::start(1).expect("a thread"),
            credentials: None,
            encryption: Encryption::Off,
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            callee: PeerName::NONE,
            _stop: stop,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.service.bound[0].local
    }

    /// The next call that rings.
    pub(crate) async fn rings(&mut self) -> Ringing<'_> {
        let call = timeout(PATIENCE, self.service.incoming.recv()).await.expect("a call in time").expect("SIP runs");
        self.service.handle.ring(call.session, StatusCode::RINGING, None).await.expect("SIP runs");
        let (handle, encryption) = (self.service.handle.clone(), self.encryption.clone());
        let codecs = self.codecs.clone();
        Ringing { handle, ports: &self.ports, workers: &self.workers, encryption, codecs, call }
    }

    /// Whether no call comes for this long.
    pub(crate) async fn stays_quiet(&mut self, wait: Duration) -> bool {
        timeout(wait, self.service.incoming.recv()).await.is_err()
    }

    /// Calls `user` at `peer`; the line once it is answered, or the status of the refusal.
    pub(crate) async fn calls(&self, peer: SocketAddr, user: &str, key: u8) -> Result<Line, u16> {
        self.calls_with(peer, user, key, Headers::default()).await
    }

    /// From and To of a call to `user` at `peer`.
    pub(crate) fn ends(&self, peer: SocketAddr, user: &str) -> (NameAddr, NameAddr) {
        let name = |user: &str, host| NameAddr::new(Uri::sip(Some(user.as_bytes()), HostPort::from(host)));
        (name("+493012340001", self.address()), name(user, peer))
    }

    /// [`Phone::calls`] with further headers.
    pub(crate) async fn calls_with(
        &self,
        peer: SocketAddr,
        user: &str,
        key: u8,
        headers: Headers,
    ) -> Result<Line, u16> {
        let rtp = self.ports.bind().expect("a port");
        let local = local(rtp.lease.port(), self.codecs.clone(), self.encryption.clone());
        let bound = &self.service.bound[0];
        let transport = match bound.transport {
            Transport::Tls(_) => Transport::Tls(self.callee),
            open @ (Transport::Udp | Transport::Tcp | Transport::Ws | Transport::Wss) => open,
        };
        let (from, to) = self.ends(peer, user);
        let invite = Invite {
            key: LegKey([key; 32]),
            flow: Flow { listener: bound.id, transport, peer },
            from,
            uri: to.uri.clone(),
            to,
            headers,
            body: Body::sdp(sdp::offer(&local)),
            credentials: self.credentials.clone(),
            session_expires: None,
            conduct: Conduct::default(),
        };
        let (session, mut events) =
            self.service.handle.invite(invite, time::Latest::at(time::now().mono + PATIENCE)).await.expect("sent");
        loop {
            let event = timeout(PATIENCE, events.recv()).await.expect("an event in time").expect("SIP runs");
            if let Event::Failed { failure, .. } = event {
                return Err(failure.status.map_or(0, StatusCode::code));
            }
            if let Event::Answered { body: Some(body), .. } = event {
                let negotiated = sdp::accept_answer(&local, &body.bytes).expect("an answer we can take");
                let media = self.workers.add(rtp, speech(negotiated)).await.expect("media runs");
                return Ok(Line { handle: self.service.handle.clone(), session, events, media });
            }
        }
    }
}

pub(crate) struct Ringing<'a> {
    handle: SipHandle,
    ports: &'a RtpPorts,
    workers: &'a MediaWorkers,
    encryption: Encryption,
    codecs: Vec<Codec>,
    call: IncomingCall,
}

impl Ringing<'_> {
    /// The number that was dialed, as in the Request-URI.
    pub(crate) fn dialed(&self) -> String {
        String::from_utf8_lossy(&self.call.invite.request.uri.user_text().unwrap_or_default()).into_owned()
    }

    /// The INVITE as it came.
    pub(crate) fn invite(&self) -> &Request {
        &self.call.invite.request
    }

    pub(crate) async fn refuse(self, status: u16, retry_after: Option<Duration>) {
        let status = StatusCode::new(status).expect("a status");
        let more = Rejection { retry_after, ..Rejection::default() };
        self.handle.reject(self.call.session, status, more).await.expect("SIP runs");
    }

    /// Plays something before there is any answer.
    #[allow(dead_code, reason = "most telephones ring in silence")]
    pub(crate) async fn plays(&self, pcm: Vec<i16>) -> MediaLeg {
        let rtp = self.ports.bind().expect("a port");
        let offer = self.call.invite.body.as_ref().expect("the INVITE has an offer");
        let local = local(rtp.lease.port(), self.codecs.clone(), self.encryption.clone());
        let (answer, negotiated) = sdp::answer(&local, &offer.bytes).expect("an offer we can take");
        let media = self.workers.add(rtp, speech(negotiated)).await.expect("media runs");
        let progress = StatusCode::SESSION_PROGRESS;
        self.handle.ring(self.call.session, progress, Some(Body::sdp(answer))).await.expect("SIP runs");
        let play = MediaCommand::Play { clip: ClipId(1), pcm: pcm.into(), from: 0 };
        media.control.send(play).await.expect("media runs");
        media
    }

    /// Waits until the caller gives up.
    pub(crate) async fn is_cancelled(&mut self) -> bool {
        let event = timeout(PATIENCE, self.call.events.recv()).await.ok().flatten();
        matches!(event, Some(Event::Cancelled { .. }))
    }

    pub(crate) async fn answer(self) -> Line {
        self.answer_as(|port| port, |_| ()).await
    }

    /// Answers with another port than its own, and sends its media otherwise than it was agreed.
    pub(crate) async fn answer_as(
        self,
        announced: impl FnOnce(u16) -> u16,
        change: impl FnOnce(&mut Negotiated),
    ) -> Line {
        let rtp = self.ports.bind().expect("a port");
        let offer = self.call.invite.body.as_ref().expect("the INVITE has an offer");
        let local = local(announced(rtp.lease.port()), self.codecs, self.encryption);
        let (answer, mut negotiated) = sdp::answer(&local, &offer.bytes).expect("an offer we can take");
        change(&mut negotiated);
        let media = self.workers.add(rtp, speech(negotiated)).await.expect("media runs");
        self.handle.accept(self.call.session, Body::sdp(answer)).await.expect("SIP runs");
        Line { handle: self.handle, session: self.call.session, events: self.call.events, media }
    }

    /// Answers with a description that is given; whether it is hung up then.
    #[allow(dead_code, reason = "most descriptions are its own")]
    pub(crate) async fn answers_with(mut self, description: Vec<u8>) -> bool {
        self.handle.accept(self.call.session, Body::sdp(description)).await.expect("SIP runs");
        ends(&mut self.call.events).await
    }

    /// Takes the call and sends no sound.
    pub(crate) async fn answer_mutely(self) -> MuteLine {
        let offer = self.call.invite.body.as_ref().expect("the INVITE has an offer");
        let rtp = self.ports.bind().expect("a port");
        let local = local(rtp.lease.port(), self.codecs, self.encryption);
        let (answer, _) = sdp::answer(&local, &offer.bytes).expect("an offer we can take");
        self.handle.accept(self.call.session, Body::sdp(answer)).await.expect("SIP runs");
        MuteLine { events: self.call.events }
    }
}

/// An answered call.
pub(crate) struct Line {
    pub(crate) handle: SipHandle,
    pub(crate) session: SessionId,
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) media: MediaLeg,
}

impl Line {
    /// Listens until a tone has been heard for 200 ms.
    pub(crate) async fn hears_a_tone(&mut self) -> bool {
        let listen = async {
            let mut loud = 0;
            while let Some(news) = self.media.news.recv().await {
                if let MediaNews::Audio { frame, .. } = news {
                    loud = if rms_dbfs(frame.samples()) > -40.0 { loud + 1 } else { 0 };
                    if loud == 10 {
                        return true;
                    }
                }
            }
            false
        };
        timeout(PATIENCE, listen).await.unwrap_or(false)
    }

    /// Listens until the tone has been away for 300 ms.
    pub(crate) async fn hears_silence(&mut self) -> bool {
        let listen = async {
            let mut quiet = 0;
            while let Some(news) = self.media.news.recv().await {
                if let MediaNews::Audio { frame, .. } = news {
                    quiet = if rms_dbfs(frame.samples()) < -60.0 { quiet + 1 } else { 0 };
                    if quiet == 15 {
                        return true;
                    }
                }
            }
            false
        };
        timeout(PATIENCE, listen).await.unwrap_or(false)
    }

    pub(crate) async fn presses(&self, key: char) {
        let digit = Digit::from_char(key).expect("a key");
        self.media.control.send(MediaCommand::SendDtmf(vec![digit])).await.expect("media runs");
    }

    pub(crate) async fn hangs_up(self) {
        self.handle.hang_up(self.session, None).await.expect("SIP runs");
    }

    /// Waits until the other side hangs up.
    pub(crate) async fn gets_hung_up(mut self) -> bool {
        ends(&mut self.events).await
    }
}

/// An answered call without sound.
pub(crate) struct MuteLine {
    events: mpsc::Receiver<Event>,
}

impl MuteLine {
    pub(crate) async fn gets_hung_up(mut self) -> bool {
        ends(&mut self.events).await
    }
}

async fn ends(events: &mut mpsc::Receiver<Event>) -> bool {
    let wait = async {
        while let Some(event) = events.recv().await {
            if matches!(event, Event::Ended { .. }) {
                return true;
            }
        }
        false
    };
    timeout(PATIENCE, wait).await.unwrap_or(false)
}

fn local(port: u16, codecs: Vec<Codec>, encryption: Encryption) -> LocalMedia {
    LocalMedia {
        address: Ipv4Addr::LOCALHOST.into(),
        port,
        codecs,
        dtmf: true,
        session_id: 1,
        version: 1,
        ptime_ms: 20,
        direction: Direction::SendRecv,
        encryption,
    }
}

fn speech(negotiated: Negotiated) -> Session {
    let config = SessionConfig { negotiated, ssrc: 5, sequence: 6, timestamp: 7, vad: None, uplink: true };
    let now = time::now();
    let mut session = Session::new(now.mono, config);
    // Often, so that short calls have reports.
    session.report(now.mono, ReportConfig { minimum: Duration::from_millis(400), ..reports(now) });
    // Only where no events were agreed on.
    session.listen_for_keys();
    session
}
