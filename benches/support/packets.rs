//! Legs that play, and the clock of their packets by the kernel's time of arrival.

use std::collections::BTreeMap;
use std::fmt;
use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, ensure};
use callwright::net::media_leg::MediaCommand;
use callwright::net::media_worker::{MediaLeg, MediaWorkers};
use callwright::net::ports::RtpPorts;
use callwright::time;
use callwright_media::codec::Codec;
use callwright_media::negotiated::{Direction, Negotiated, RtcpPath};
use callwright_media::session::{ClipId, Session, SessionConfig};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use tokio::runtime::Runtime;

/// What lies between two packets, in ms and in samples.
const INTERVAL_MS: f64 = 20.0;
const SAMPLES: u32 = 160;
/// The first packets of each leg are not counted.
const SETTLE: usize = 50;
/// Packets that are nearer to each other are back to back.
const APART_MS: f64 = 5.0;

/// Legs of this process that play to a socket of this process.
pub(crate) struct Playing {
    legs: Vec<MediaLeg>,
    /// Workers that are dropped end their legs.
    _workers: MediaWorkers,
    stop: Arc<AtomicBool>,
    hearing: JoinHandle<anyhow::Result<Arrivals>>,
}

/// Per leg, when a packet came in ms, and which it was.
type Arrivals = BTreeMap<u32, Vec<(f64, u32)>>;

/// What the packets of all legs show.
#[derive(Debug)]
pub(crate) struct PacketClock {
    pub(crate) packets: usize,
    /// Intervals between packets of one leg, in ms.
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) longest: f64,
    /// How far packets are from their leg's even clock, in ms; of a thousand 999 are nearer.
    pub(crate) off: f64,
    /// How far the worst leg's mean interval is from 20 ms, in parts per million.
    pub(crate) drift: f64,
    /// The most packets of a leg that came back to back.
    pub(crate) burst: usize,
}

impl Playing {
    /// Legs, on workers as many as a server has, that play for so long.
    pub(crate) fn start(runtime: &Runtime, calls: usize, playing: Duration) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        setsockopt(&socket, sockopt::RcvBuf, &(4 << 20))?;
        let peer = socket.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let hearing = std::thread::spawn(move || hear(&socket, &stopping));
        let workers = MediaWorkers::start(0)?;
        let ports = RtpPorts::new(Ipv4Addr::LOCALHOST.into(), 30_000..=39_998, rand::random());
        let prompt: Arc<[i16]> =
            (0..playing.as_millis() as u32 * 8).map(|n| ((f64::from(n) * 0.3).sin() * 6_000.0) as i16).collect();
        let mut legs = Vec::new();
        for number in 0..calls {
            let leg = runtime.block_on(workers.add(ports.bind()?, session(number as u32, peer)))?;
            let play = MediaCommand::Play { clip: ClipId(1), pcm: Arc::clone(&prompt), from: 0 };
            runtime.block_on(leg.control.send(play))?;
            legs.push(leg);
            // Calls do not begin all at once.
            std::thread::park_timeout(Duration::from_micros(1_700));
        }
        Ok(Self { legs, _workers: workers, stop, hearing })
    }

    /// Ends the legs and tells how their packets came.
    pub(crate) fn end(self) -> anyhow::Result<PacketClock> {
        self.stop.store(true, Ordering::Relaxed);
        let heard = self.hearing.join().map_err(|_| anyhow::anyhow!("who hears panicked"))??;
        ensure!(heard.len() == self.legs.len(), "{} legs of {} were heard", heard.len(), self.legs.len());
        PacketClock::of(&heard).context("too few packets")
    }
}

impl PacketClock {
    fn of(heard: &Arrivals) -> Option<Self> {
        let (mut intervals, mut offs) = (Vec::new(), Vec::new());
        let (mut drift, mut burst, mut packets) = (0_f64, 1, 0);
        for arrivals in heard.values() {
            let arrivals = arrivals.get(SETTLE..).filter(|arrivals| arrivals.len() > 2 * SETTLE)?;
            packets += arrivals.len();
            let mut run = 1;
            for (before, after) in arrivals.iter().zip(&arrivals[1..]) {
                let interval = after.0 - before.0;
                intervals.push(interval);
                run = if interval < APART_MS { run + 1 } else { 1 };
                burst = burst.max(run);
            }
            // Where each packet would have been at zero, if the clock is even.
            let starts: Vec<f64> = arrivals
                .iter()
                .map(|&(at, timestamp)| at - f64::from(timestamp) / f64::from(SAMPLES) * INTERVAL_MS)
                .collect();
            let middle = median(&starts);
            offs.extend(starts.iter().map(|start| (start - middle).abs()));
            let (early, late) = (median(&starts[..SETTLE]), median(&starts[starts.len() - SETTLE..]));
            let between = (starts.len() - SETTLE) as f64 * INTERVAL_MS;
            drift = drift.max((late - early).abs() / between * 1_000_000.0);
        }
        intervals.sort_unstable_by(f64::total_cmp);
        offs.sort_unstable_by(f64::total_cmp);
        let share = |of: &[f64], part: f64| of.get((of.len() as f64 * part) as usize).copied();
        Some(Self {
            packets,
            p99: share(&intervals, 0.99)?,
            p999: share(&intervals, 0.999)?,
            longest: *intervals.last()?,
            off: share(&offs, 0.999)?,
            drift,
            burst,
        })
    }
}

impl fmt::Display for PacketClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { packets, p99, p999, longest, off, drift, burst } = self;
        write!(
            f,
            "{packets} packets, intervals p99 {p99:.2} ms, p99.9 {p999:.2} ms, longest {longest:.2} ms, \
             p99.9 {off:.2} ms from an even clock, {drift:.0} ppm, at most {burst} back to back"
        )
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Notes the arrival of every packet until told to stop.
fn hear(socket: &UdpSocket, stop: &AtomicBool) -> anyhow::Result<Arrivals> {
    let mut heard = Arrivals::new();
    let mut datagram = [0; 2_048];
    let mut control = nix::cmsg_space!(TimeSpec);
    while !stop.load(Ordering::Relaxed) {
        let mut parts = [IoSliceMut::new(&mut datagram)];
        let message = match recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty()) {
            Ok(message) => message,
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => continue,
            Err(error) => return Err(error.into()),
        };
        let stamp = message.cmsgs()?.find_map(|said| {
            let ControlMessageOwned::ScmTimestampns(stamp) = said else { return None };
            Some(stamp)
        });
        let (length, stamp) = (message.bytes, stamp.context("a packet without its time of arrival")?);
        if length < 12 {
            continue;
        }
        let number = |from: usize| {
            u32::from_be_bytes([datagram[from], datagram[from + 1], datagram[from + 2], datagram[from + 3]])
        };
        let at = Duration::from(stamp).as_secs_f64() * 1_000.0;
        heard.entry(number(8)).or_default().push((at, number(4)));
    }
    Ok(heard)
}

/// A leg that only plays. Its timestamps begin at zero.
fn session(ssrc: u32, peer: SocketAddr) -> Session {
    let negotiated = Negotiated {
        codec: Codec::Pcmu,
        payload_type: 0,
        dtmf: None,
        remote: Some(peer),
        rtcp: RtcpPath::default(),
        direction: Direction::SendRecv,
        ptime_ms: 20,
        srtp: None,
    };
    let config = SessionConfig { negotiated, ssrc, sequence: 1, timestamp: 0, vad: None, uplink: false };
    Session::new(time::now().mono, config)
}
