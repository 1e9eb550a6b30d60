//! A telephone of its own: SIP and RTP sockets on loopback.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, anyhow};
use callwright_media::codec::Codec;
use callwright_media::negotiated::Direction;
use callwright_media::sdp::{self, Encryption, LocalMedia};
use callwright_media::session::{Session, SessionConfig};
use callwright_sip::endpoint::{Body, Config, Event, Rejection, SessionId};
use callwright_sip::message::StatusCode;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::{ListenerConfig, SipTransport};
use crate::net::media_worker::{MediaLeg, MediaWorkers};
use crate::net::ports::RtpPorts;
use crate::net::reports::reports;
use crate::net::sip_driver::{self, IncomingCall, SipHandle, SipService};
use crate::time;

/// A telephone; it is unplugged when dropped.
pub(super) struct Phone {
    service: SipService,
    stop: CancellationToken,
}

impl Phone {
    pub(super) async fn new() -> anyhow::Result<Self> {
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = ListenerConfig { transport: SipTransport::Udp, bind, external: None, external_media: None };
        let stop = CancellationToken::new();
        let service = sip_driver::start(&[listener], Config::default(), rand::random(), stop.clone())
            .await
            .context("no port for the caller's telephone")?;
        Ok(Self { service, stop })
    }

    /// Where it is rung.
    pub(super) fn address(&self) -> SocketAddr {
        self.service.bound[0].local
    }

    /// The next call that comes; it rings.
    pub(super) async fn rings(&mut self) -> anyhow::Result<Ringing> {
        let call = self.service.incoming.recv().await.context("the caller's telephone has ended")?;
        let handle = self.service.handle.clone();
        handle.ring(call.session, StatusCode::RINGING, None).await.context("the call is gone already")?;
        Ok(Ringing { handle, call })
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A call that rings.
pub(super) struct Ringing {
    handle: SipHandle,
    call: IncomingCall,
}

impl Ringing {
    /// The number or name that was dialed, as in the Request-URI.
    pub(super) fn dialed(&self) -> String {
        String::from_utf8_lossy(&self.call.invite.request.uri.user_text().unwrap_or_default()).into_owned()
    }

    pub(super) async fn refuse(self, status: StatusCode) -> anyhow::Result<()> {
        let more = Rejection::default();
        self.handle.reject(self.call.session, status, more).await.context("the call is gone already")
    }

    pub(super) async fn answer(self, ports: &RtpPorts, workers: &MediaWorkers) -> anyhow::Result<Line> {
        let rtp = ports.bind().context("no RTP port for the caller")?;
        let offer = self.call.invite.body.as_ref().context("the INVITE has no offer")?;
        let local = local(rtp.lease.port());
        let (answer, negotiated) = sdp::answer(&local, &offer.bytes).map_err(|error| anyhow!("{error}"))?;
        let [ssrc, timestamp] = rand::random();
        let config = SessionConfig { negotiated, ssrc, sequence: rand::random(), timestamp, vad: None, uplink: true };
        let now = time::now();
        let mut session = Session::new(now.mono, config);
        session.report(now.mono, reports(now));
        let media = workers.add(rtp, session).await.context("media has ended")?;
        self.handle.accept(self.call.session, Body::sdp(answer)).await.context("the call is gone already")?;
        Ok(Line { handle: self.handle, session: self.call.session, events: self.call.events, media })
    }
}

/// An answered call.
pub(super) struct Line {
    handle: SipHandle,
    session: SessionId,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) media: MediaLeg,
}

impl Line {
    pub(super) async fn hang_up(&self) {
        // A call that is over already needs no goodbye.
        let _ = self.handle.hang_up(self.session, None).await;
    }
}

fn local(port: u16) -> LocalMedia {
    LocalMedia {
        address: Ipv4Addr::LOCALHOST.into(),
        port,
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        dtmf: true,
        session_id: 1,
        version: 1,
        ptime_ms: 20,
        direction: Direction::SendRecv,
        encryption: Encryption::Off,
    }
}
