//! The server that is measured.

use std::fmt;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use callwright::config::{ListenerConfig, SipGuardConfig, SipTransport, TlsFiles};
use callwright::net::sip_driver::{self, IncomingCall, SipHandle};
use callwright::net::sip_tls::SipTls;
use callwright_sip::endpoint::{Body, Callers, Config, Event, Flow};
use callwright_sip::guard::Networks;
use callwright_sip::message::StatusCode;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::callers;
use crate::cpu::Clocks;
use crate::packets::{PacketClock, Playing};

/// The limits of a server as it is shipped, but for calls at one time.
pub(crate) fn shipped() -> Config {
    Config { max_sessions: 60_000, ..Config::default() }
}

/// Limits that the processor reaches first. Every ended call keeps two transactions for 32 s, and with the usual 65,536 of
/// them the search for saturation would end at a thousand calls a second.
pub(crate) fn unbounded() -> Config {
    Config { max_transactions: 2_000_000, ..shipped() }
}

/// What is answered to an offer; nobody listens there.
pub(crate) const SDP: &[u8] =
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";

/// SIP with its guard, which answers every call.
pub(crate) struct Server {
    runtime: Runtime,
    handle: SipHandle,
    flow: Flow,
    address: SocketAddr,
}

/// What one run showed.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) offered: u64,
    pub(crate) answered: u64,
    /// By 503.
    pub(crate) refused: u64,
    /// Ended in another way, or not at all.
    pub(crate) lost: u64,
    /// Calls that were up before and are not any more.
    pub(crate) dropped: u64,
    /// Of twenty answers 19 came within so many milliseconds.
    pub(crate) late_ms: f64,
    pub(crate) seconds: f64,
    /// Messages of strangers.
    pub(crate) flooded: u64,
    pub(crate) cpu: Duration,
}

impl Run {
    pub(crate) fn share(&self) -> f64 {
        self.answered as f64 / self.offered.max(1) as f64
    }

    pub(crate) fn answered_a_second(&self) -> f64 {
        self.answered as f64 / self.seconds
    }

    pub(crate) fn cost_ms(&self) -> f64 {
        self.cpu.as_secs_f64() * 1_000.0 / self.answered.max(1) as f64
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offered, answered, refused, lost, dropped, late_ms, .. } = self;
        write!(
            f,
            "{offered} offered, {answered} answered, {refused} refused by 503, {lost} lost, {dropped} of those that were up lost, \
             19 of 20 answered within {late_ms:.0} ms"
        )
    }
}

impl Server {
    pub(crate) fn start(config: Config) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let (handle, flow, address) = runtime.block_on(async {
            let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let listener = ListenerConfig { transport: SipTransport::Udp, bind, external: None, external_media: None };
            let tls = SipTls::new(&TlsFiles::default())?;
            let protection = SipGuardConfig { max_waiting_calls: 10_000, ..SipGuardConfig::default() }.protection();
            let stop = CancellationToken::new();
            let sip = sip_driver::start_with(&[listener], tls, config, protection, rand::random(), stop).await?;
            let mut known = Networks::default();
            known.add(Ipv4Addr::LOCALHOST.into());
            sip.handle.know(known, Callers::default()).await?;
            tokio::spawn(answer(sip.handle.clone(), sip.incoming));
            let bound = &sip.bound[0];
            let flow = Flow { listener: bound.id, transport: bound.transport, peer: bound.local };
            anyhow::Ok((sip.handle, flow, bound.local))
        })?;
        Ok(Self { runtime, handle, flow, address })
    }

    /// Callers call so often a second, beside so many calls that are up and so many messages of strangers a second.
    pub(crate) fn called(&mut self, rate: u64, seconds: u64, up: u64, flood: u64) -> anyhow::Result<Run> {
        let before = Clocks::read()?;
        let arguments = [rate, seconds, up, flood].map(|number| number.to_string());
        let mut callers = Command::new(std::env::current_exe()?)
            .args(["callers", "call", &self.address.to_string()])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .context("the callers' process")?;
        let mut told = String::new();
        callers.stdout.take().context("the callers' output")?.read_to_string(&mut told)?;
        ensure!(callers.wait()?.success(), "the callers failed");
        let mut run = callers::read(&told)?;
        run.cpu = Clocks::read()?.since(&before);
        Ok(run)
    }

    /// [`Self::called`] with legs that play meanwhile, and how their packets came.
    pub(crate) fn flooded(
        &mut self,
        rate: u64,
        seconds: u64,
        up: u64,
        flood: u64,
        playing: usize,
    ) -> anyhow::Result<(Run, PacketClock)> {
        let legs = Playing::start(&self.runtime, playing, Duration::from_secs(seconds + 5))?;
        let run = self.called(rate, seconds, up, flood);
        let clock = legs.end()?;
        Ok((run?, clock))
    }

    /// The server calls so often a second.
    pub(crate) fn calls(&mut self, rate: u64, seconds: u64) -> anyhow::Result<Run> {
        let mut callees = Command::new(std::env::current_exe()?)
            .args(["callers", "answer"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the callees' process")?;
        let mut output = std::io::BufReader::new(callees.stdout.take().context("the callees' output")?);
        let mut line = String::new();
        std::io::BufRead::read_line(&mut output, &mut line)?;
        let peer = line.trim().parse().context("the callees' address")?;
        let before = Clocks::read()?;
        let flow = Flow { peer, ..self.flow };
        let mut run = self.runtime.block_on(callers::dial(self.handle.clone(), flow, rate, seconds));
        run.cpu = Clocks::read()?.since(&before);
        drop(callees.stdin.take());
        callees.wait()?;
        Ok(run)
    }
}

/// Answers every call and waits for its end.
pub(crate) async fn answer(handle: SipHandle, mut incoming: mpsc::Receiver<IncomingCall>) {
    while let Some(call) = incoming.recv().await {
        let handle = handle.clone();
        tokio::spawn(async move {
            let IncomingCall { session, mut events, .. } = call;
            let _ = handle.ring(session, StatusCode::RINGING, None).await;
            let _ = handle.accept(session, Body::sdp(SDP.to_vec())).await;
            while let Some(event) = events.recv().await {
                if matches!(event, Event::Ended { .. } | Event::Failed { .. } | Event::Cancelled { .. }) {
                    return;
                }
            }
        });
    }
}
