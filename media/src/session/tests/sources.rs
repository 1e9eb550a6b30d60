//! Whose packets count: strangers who flood the port, and peers who move.

use std::net::SocketAddr;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::world::{Network, PEER, World, address, config, ms, negotiated, rtp, vowel};
use crate::codec::Codec;
use crate::level::rms_dbfs;
use crate::negotiated::Negotiated;
use crate::session::{MediaEvent, SessionConfig};
use crate::srtp::{MAX_OVERHEAD, MasterKey, RemoteKey, SrtpKeys, SrtpSender, Suite};

const STRANGER: &str = "203.0.113.9:9999";
const MOVED: &str = "198.51.100.77:7000";

/// Lets the world run while somebody else sends ten packets for each of the peer's, loud ones.
fn flooded(world: &mut World, time: u64, sent: &mut u16) {
    for _ in 0..time / 2 {
        let packet = rtp(0, *sent, u32::from(*sent) * 160, 0xbad, &[0x00; 160]);
        world.deliver(address(STRANGER), &packet);
        *sent += 1;
        world.run(ms(2));
    }
}

#[test]
fn ten_times_the_rate_from_elsewhere_changes_nothing() {
    // From where the peer sends: as announced, behind address translation, or from another port of its host.
    for peer in [PEER, "198.51.100.7:30000", "192.0.2.1:5123"] {
        for seed in 0..8 {
            let network = Network { jitter: ms(10), ..Network::CLEAN };
            let both = || {
                let mut world = World::new(seed, network, config());
                world.peer.from = address(peer);
                world.peer.signal = vowel;
                world.peer.talking = false;
                world
            };
            let (mut quiet, mut loud, mut sent) = (both(), both(), 0);
            // Before the first genuine packet, in mid-call, and after a new description.
            for phase in 0..3 {
                for world in [&mut quiet, &mut loud] {
                    world.peer.talking = phase > 0;
                    if phase == 2 {
                        let now = world.now;
                        world.session.renegotiate(now, negotiated(Codec::Pcmu));
                    }
                }
                let time = if phase == 0 { 500 } else { 2_000 };
                quiet.run(ms(time));
                flooded(&mut loud, time, &mut sent);
            }
            let case = format!("peer at {peer}, seed {seed}");
            let (calm, stormy) = (quiet.session.stats(), loud.session.stats());
            let dropped = stormy.dropped.source + stormy.dropped.learning;
            assert_eq!(dropped - calm.dropped.learning, u64::from(sent), "{case}: {stormy:?}");
            assert_eq!((stormy.received, stormy.lost, stormy.late), (calm.received, calm.lost, calm.late), "{case}");
            assert_eq!((stormy.concealed, stormy.restarts), (calm.concealed, calm.restarts), "{case}");
            assert!(quiet.heard == loud.heard, "{case}: not a sample is another");
            assert!(
                loud.sent.iter().all(|(_, to, _)| *to != address(STRANGER)),
                "{case}: nothing goes to the stranger"
            );
        }
    }
}

#[test]
fn a_peer_that_moves_with_a_new_description_is_heard_at_once() {
    for seed in 0..8 {
        let mut world = World::new(seed, Network::CLEAN, config());
        world.peer.signal = vowel;
        world.run(ms(2_000));
        let now = world.now;
        world.session.renegotiate(now, Negotiated { remote: Some(address(MOVED)), ..negotiated(Codec::Pcmu) });
        world.peer.from = address(MOVED);
        let before = world.session.stats();
        world.run(ms(200));
        let after = world.session.stats();
        // Packets on their way from the old address still count for nothing; there are two of them.
        assert!(after.received - before.received >= 8, "seed {seed}: {after:?}");
        assert!(world.sent.last().is_some_and(|(_, to, _)| *to == address(MOVED)), "seed {seed}");
    }
}

#[test]
fn a_peer_that_moves_silently_is_heard_within_200_ms_once_the_old_address_was_silent_for_two_seconds() {
    for seed in 0..8 {
        let mut world = World::new(seed, Network { jitter: ms(5), ..Network::CLEAN }, config());
        world.peer.signal = vowel;
        world.run(ms(2_000));
        world.peer.from = address(MOVED);
        world.run(ms(1_900));
        assert!(world.sent.last().is_some_and(|(_, to, _)| *to == address(PEER)), "seed {seed}: too early to believe");
        world.run(ms(135 + 200));
        assert!(world.sent.last().is_some_and(|(_, to, _)| *to == address(MOVED)), "seed {seed}");
        assert!(rms_dbfs(&world.heard[world.heard.len() - 320..]) > -20.0, "seed {seed}: it is heard");
        assert!(world.events.contains(&MediaEvent::SourceChanged { to: address(MOVED) }), "seed {seed}");
    }
}

/// A peer whose packets are protected, each sent from where it is then.
struct Guarded {
    world: World,
    guard: SrtpSender,
    sequence: u16,
}

impl Guarded {
    fn new(seed: u64, suite: Suite) -> Self {
        let key = |seed| MasterKey::generate(suite, &mut StdRng::seed_from_u64(seed));
        let keys = SrtpKeys { local: key(1), remote: RemoteKey { key: key(2), mki: None } };
        let agreed = Negotiated { srtp: Some(Box::new(keys)), ..negotiated(Codec::Pcmu) };
        let mut world = World::new(seed, Network::CLEAN, SessionConfig { negotiated: agreed, ..config() });
        world.peer.talking = false;
        Self { world, guard: SrtpSender::new(&key(2)), sequence: 0 }
    }

    /// Sends for so long, 20 ms at a time, while a stranger floods with what he makes up and what he has caught.
    fn send(&mut self, from: &str, packets: u16) {
        let mut caught: Vec<u8> = rtp(0, 9, 1_440, 2, &[0; 170]);
        for _ in 0..packets {
            let clear = rtp(0, self.sequence, u32::from(self.sequence) * 160, 2, &[0x80; 160]);
            let mut packet = clear.clone();
            packet.resize(clear.len() + MAX_OVERHEAD, 0);
            let length = self.guard.protect(&mut packet, clear.len(), 0).expect("numbers go up");
            self.world.deliver(address(from), &packet[..length]);
            self.sequence += 1;
            for _ in 0..10 {
                self.world.deliver(address(STRANGER), &caught);
                self.world.run(ms(2));
            }
            caught = packet[..length].to_vec();
        }
    }

    fn goes_to(&self) -> Option<SocketAddr> {
        self.world.sent.last().map(|(_, to, _)| *to)
    }
}

#[test]
fn a_peer_with_the_key_is_followed_within_200_ms_in_mid_call_and_nobody_else_is() {
    for suite in Suite::ALL {
        for seed in 0..4 {
            let mut peer = Guarded::new(seed, suite);
            peer.send(PEER, 100);
            assert_eq!(peer.goes_to(), Some(address(PEER)));
            let before = peer.world.session.stats();
            peer.send(MOVED, 10);
            let after = peer.world.session.stats();
            assert_eq!(after.received - before.received, 10, "{suite:?}, seed {seed}: heard from its first packet");
            assert_eq!(peer.goes_to(), Some(address(MOVED)), "{suite:?}, seed {seed}");
            let dropped = after.dropped.unauthentic + after.dropped.replayed;
            assert_eq!((dropped, after.dropped.total()), (1_100, 1_100), "{suite:?}, seed {seed}: {after:?}");
            let frames = peer.world.heard.len();
            let made_up = peer.world.heard[frames - 1_600..].iter().any(|sample| sample.abs_diff(32_124) > 400);
            assert!(!made_up, "{suite:?}, seed {seed}: only the peer is heard");
        }
    }
}
