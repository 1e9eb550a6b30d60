//! Networks that lose and delay packets.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Packets that get through at the beginning of each call, so that all that hear it begin at the same place.
const SPARED: u32 = 10;

/// What a network does.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) name: &'static str,
    /// Share lost, 0 to 1.
    pub(crate) loss: f64,
    /// Mean length of a run of losses, in packets: 1 loses each packet by itself; above it the model of Gilbert and
    /// Elliott, with a state in which all is lost.
    pub(crate) burst: f64,
    /// Each packet is later by an even draw from zero to this.
    pub(crate) jitter: Duration,
    /// Every fourth second the network holds all packets back for so long, and lets them go at once.
    pub(crate) spike: Duration,
}

const CLEAN: Network = Network { name: "clean", loss: 0.0, burst: 1.0, jitter: Duration::ZERO, spike: Duration::ZERO };
const MS: fn(u64) -> Duration = Duration::from_millis;

/// All that are measured.
pub(crate) static NETWORKS: [Network; 16] = [
    CLEAN,
    Network { name: "loss-2", loss: 0.02, ..CLEAN },
    Network { name: "loss-5", loss: 0.05, ..CLEAN },
    Network { name: "loss-10", loss: 0.10, ..CLEAN },
    Network { name: "loss-20", loss: 0.20, ..CLEAN },
    Network { name: "bursts-2", loss: 0.02, burst: 3.0, ..CLEAN },
    Network { name: "bursts-5", loss: 0.05, burst: 3.0, ..CLEAN },
    Network { name: "bursts-10", loss: 0.10, burst: 3.0, ..CLEAN },
    Network { name: "bursts-20", loss: 0.20, burst: 3.0, ..CLEAN },
    Network { name: "jitter-30", jitter: Duration::from_millis(30), ..CLEAN },
    Network { name: "jitter-60", jitter: Duration::from_millis(60), ..CLEAN },
    Network { name: "jitter-100", jitter: Duration::from_millis(100), ..CLEAN },
    Network { name: "spikes-60", spike: Duration::from_millis(60), ..CLEAN },
    Network { name: "spikes-150", spike: Duration::from_millis(150), ..CLEAN },
    Network { name: "loss-5-jitter-30", loss: 0.05, jitter: Duration::from_millis(30), ..CLEAN },
    Network { name: "bursts-10-jitter-60", loss: 0.10, burst: 3.0, jitter: Duration::from_millis(60), ..CLEAN },
];

/// What becomes of the packets of one call.
pub(crate) struct Fate<'a> {
    network: &'a Network,
    rng: StdRng,
    losing: bool,
    packets: u32,
}

impl<'a> Fate<'a> {
    pub(crate) fn new(network: &'a Network, seed: u64) -> Self {
        Self { network, rng: StdRng::seed_from_u64(seed), losing: false, packets: 0 }
    }

    /// How much the network delays the next packet, which leaves at `at`, beyond what it delays all; `None` when it is
    /// lost.
    pub(crate) fn next(&mut self, at: Duration) -> Option<Duration> {
        let Network { loss, burst, jitter, spike, .. } = *self.network;
        self.packets += 1;
        let stays = if self.losing { 1.0 - 1.0 / burst } else { loss / (1.0 - loss) / burst };
        self.losing = self.rng.random_bool(if burst > 1.0 { stays } else { loss });
        let delay = Duration::from_micros(self.rng.random_range(0..=jitter.as_micros() as u64));
        let into = Duration::from_millis((at.as_millis() % 4_000) as u64);
        let held = (MS(2_000) + spike).saturating_sub(into);
        let held = if into >= MS(2_000) { held } else { Duration::ZERO };
        (!self.losing || self.packets <= SPARED).then_some(delay + held)
    }
}
