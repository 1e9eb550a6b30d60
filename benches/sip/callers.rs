//! The callers, the callees and the strangers: a process of its own.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use callwright::config::{ListenerConfig, SipTransport};
use callwright::net::sip_driver::{self, SipHandle, SipService, Started};
use callwright::time::{self, Latest};
use callwright_sip::endpoint::{Body, Conduct, Config, EndedBy, Event, Flow, Invite, LegKey};
use callwright_sip::message::header::NameAddr;
use callwright_sip::message::{Headers, HostPort, StatusCode, Uri};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::generator;
use crate::server::{Run, SDP, answer};

/// Longer than any answer takes: the INVITE has given up by itself before.
const PATIENCE: Duration = Duration::from_secs(40);

/// `call ADDRESS RATE SECONDS UP FLOOD`, or `answer`.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let service = runtime.block_on(start())?;
    if arguments.first().is_some_and(|argument| argument == "answer") {
        writeln!(io::stdout(), "{}", service.bound[0].local)?;
        io::stdout().flush()?;
        runtime.spawn(answer(service.handle, service.incoming));
        let _ = io::stdin().read(&mut [0]);
        return Ok(());
    }
    let address: SocketAddr = arguments.get(1).context("an address")?.parse()?;
    let numbers = arguments[2..].iter().map(|text| text.parse()).collect::<Result<Vec<u64>, _>>()?;
    let [rate, seconds, up, flood] = numbers[..] else { anyhow::bail!("four numbers") };
    let bound = &service.bound[0];
    let flow = Flow { listener: bound.id, transport: bound.transport, peer: address };
    let handle = service.handle.clone();
    let run = runtime.block_on(async {
        let mut standing = Vec::new();
        for _ in 0..up {
            standing.push(stand(&handle, flow).await.context("a call that stays up")?);
        }
        let strangers = Arc::new(AtomicU64::new(0));
        let flooding = (flood > 0).then(|| {
            let count = Arc::clone(&strangers);
            std::thread::spawn(move || pour(address, flood, seconds, &count))
        });
        let mut run = tokio::task::spawn_blocking(move || generator::run(address, rate, seconds)).await??;
        for (session, mut events) in standing {
            let silent = events.try_recv().is_err();
            let _ = handle.hang_up(session, None).await;
            run.dropped += u64::from(!(silent && ends(&mut events).await));
        }
        if let Some(flooding) = flooding {
            let _ = flooding.join();
        }
        run.flooded = strangers.load(Ordering::Relaxed);
        anyhow::Ok(run)
    })?;
    let Run { offered, answered, refused, lost, dropped, late_ms, seconds, flooded, cpu: _ } = run;
    writeln!(io::stdout(), "{offered} {answered} {refused} {lost} {dropped} {late_ms} {seconds} {flooded}")?;
    Ok(())
}

/// What [`run`] has printed.
pub(crate) fn read(told: &str) -> anyhow::Result<Run> {
    let words: Vec<&str> = told.split_whitespace().collect();
    let [offered, answered, refused, lost, dropped, late_ms, seconds, flooded] = words[..] else {
        anyhow::bail!("the callers said {told:?}");
    };
    Ok(Run {
        offered: offered.parse()?,
        answered: answered.parse()?,
        refused: refused.parse()?,
        lost: lost.parse()?,
        dropped: dropped.parse()?,
        late_ms: late_ms.parse()?,
        seconds: seconds.parse()?,
        flooded: flooded.parse()?,
        cpu: Duration::ZERO,
    })
}

async fn start() -> anyhow::Result<SipService> {
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = ListenerConfig { transport: SipTransport::Udp, bind, external: None, external_media: None };
    let config = Config { max_sessions: 60_000, ..Config::default() };
    Ok(sip_driver::start(&[listener], config, rand::random(), CancellationToken::new()).await?)
}

/// Calls at a rate, ends each call when it is answered, and tells how all went.
pub(crate) async fn dial(handle: SipHandle, flow: Flow, rate: u64, seconds: u64) -> Run {
    let start = time::now().mono;
    let offered = rate * seconds;
    let (results, mut ended) = mpsc::channel(1_024);
    let collecting = tokio::spawn(async move {
        let (mut run, mut waits) = (Run { offered, ..Run::default() }, Vec::new());
        while let Some(end) = ended.recv().await {
            match end {
                End::Answered(after) => waits.push(after),
                End::Refused => run.refused += 1,
                End::Lost => run.lost += 1,
            }
        }
        waits.sort_unstable();
        run.answered = waits.len() as u64;
        run.late_ms = waits.get(waits.len() * 19 / 20).map_or(0.0, |wait: &Duration| wait.as_secs_f64() * 1_000.0);
        run
    });
    for number in 0..offered {
        let due = start + Duration::from_micros(number * 1_000_000 / rate);
        tokio::time::sleep_until(due.into()).await;
        let (handle, results) = (handle.clone(), results.clone());
        tokio::spawn(async move {
            let end = call(&handle, flow, due).await;
            let _ = results.send(end).await;
        });
    }
    drop(results);
    let mut run = collecting.await.unwrap_or_default();
    run.seconds = seconds as f64;
    run
}

enum End {
    Answered(Duration),
    Refused,
    Lost,
}

async fn call(handle: &SipHandle, flow: Flow, due: Instant) -> End {
    match begin(handle, flow).await {
        Ok((session, mut events)) => {
            let after = time::now().mono.saturating_duration_since(due);
            let _ = handle.hang_up(session, None).await;
            if ends(&mut events).await { End::Answered(after) } else { End::Lost }
        }
        Err(Refusal(Some(503))) => End::Refused,
        Err(Refusal(_)) => End::Lost,
    }
}

#[derive(Debug, thiserror::Error)]
#[error("not answered: {0:?}")]
struct Refusal(Option<u16>);

async fn begin(handle: &SipHandle, flow: Flow) -> Result<Started, Refusal> {
    let name = |user: &[u8], host| NameAddr::new(Uri::sip(Some(user), host));
    let us = HostPort::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)));
    let to = name(b"+493012345678", HostPort::from(flow.peer));
    let invite = Invite {
        key: LegKey(rand::random()),
        flow,
        uri: to.uri.clone(),
        from: name(b"+493012340001", us),
        to,
        headers: Headers::new(),
        body: Body::sdp(SDP.to_vec()),
        credentials: None,
        session_expires: None,
        conduct: Conduct::default(),
    };
    let send_before = Latest::at(time::now().mono + PATIENCE);
    let (session, mut events) = handle.invite(invite, send_before).await.map_err(|_| Refusal(None))?;
    loop {
        match timeout(PATIENCE, events.recv()).await {
            Ok(Some(Event::Answered { .. })) => return Ok((session, events)),
            Ok(Some(Event::Failed { failure, .. })) => return Err(Refusal(failure.status.map(StatusCode::code))),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return Err(Refusal(None)),
        }
    }
}

/// Begins a call that is to stay up; again while the load before is still felt.
async fn stand(handle: &SipHandle, flow: Flow) -> Result<Started, Refusal> {
    let mut tries = 0;
    loop {
        match begin(handle, flow).await {
            Err(Refusal(Some(503))) if tries < 100 => tokio::time::sleep(Duration::from_millis(100)).await,
            end => return end,
        }
        tries += 1;
    }
}

/// Whether a call ends as we have asked for.
async fn ends(events: &mut mpsc::Receiver<Event>) -> bool {
    while let Ok(Some(event)) = timeout(PATIENCE, events.recv()).await {
        if let Event::Ended { by, .. } = event {
            return matches!(by, EndedBy::Local);
        }
    }
    false
}

/// Sends what strangers send, from sixteen addresses.
fn pour(target: SocketAddr, per_second: u64, seconds: u64, count: &AtomicU64) {
    let strangers: Vec<_> =
        (2..18).filter_map(|last| UdpSocket::bind((Ipv4Addr::new(127, 0, 1, last), 0)).ok()).collect();
    let texts: Vec<Vec<u8>> = ["OPTIONS", "INVITE", "REGISTER"]
        .iter()
        .map(|method| {
            format!(
                "{method} sip:100@{target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.1.2:5060;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n\
                 To: <sip:100@{target}>\r\nCall-ID: x\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            )
            .into_bytes()
        })
        .chain([vec![0; 200]])
        .collect();
    let start = time::now().mono;
    let mut sent = 0_u64;
    loop {
        let passed = time::now().mono - start;
        if passed >= Duration::from_secs(seconds) {
            count.store(sent, Ordering::Relaxed);
            return;
        }
        while sent < passed.as_micros() as u64 * per_second / 1_000_000 {
            let stranger = &strangers[sent as usize % strangers.len()];
            let _ = stranger.send_to(&texts[(sent / 16) as usize % texts.len()], target);
            sent += 1;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
}
