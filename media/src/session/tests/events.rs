//! What a session tells, and what it refuses.

use super::world::{Network, World, address, config, ms, rtp};
use crate::negotiated::Direction;
use crate::session::{DropReason, MediaEvent, Received};

#[test]
fn datagrams_are_refused_for_the_reason_that_is_theirs() {
    let mut world = World::new(1, Network::CLEAN, config());
    world.run(ms(500));
    let peer = world.peer.from;
    let (sequence, timestamp, ssrc) = (world.peer.sequence.wrapping_sub(2), world.peer.timestamp, world.peer.ssrc);
    let cases = [
        (vec![0x80; 5], Received::Dropped(DropReason::Malformed)),
        (rtp(96, sequence, timestamp, ssrc, &[0; 160]), Received::Dropped(DropReason::PayloadType)),
        (rtp(0, sequence, timestamp, ssrc, &[]), Received::Dropped(DropReason::Size)),
        (rtp(0, sequence, timestamp, ssrc, &[0; 961]), Received::Dropped(DropReason::Size)),
        (rtp(0, sequence.wrapping_sub(3), timestamp, ssrc, &[0; 160]), Received::Dropped(DropReason::Duplicate)),
        (vec![0x80, 200, 0, 6, 0, 0, 0, 0], Received::Rtcp),
    ];
    for (bytes, expected) in cases {
        assert_eq!(world.deliver(peer, &bytes), expected);
    }
    let stranger = address("203.0.113.9:9");
    let packet = rtp(0, sequence, timestamp, ssrc, &[0; 160]);
    assert_eq!(world.deliver(stranger, &packet), Received::Dropped(DropReason::Source));
    let stats = world.session.stats();
    assert_eq!((stats.dropped.total(), stats.rtcp, stats.dropped.size), (6, 1, 2), "{stats:?}");
}

#[test]
fn a_peer_on_hold_is_neither_heard_nor_missed() {
    let mut config = config();
    config.negotiated.direction = Direction::SendOnly;
    let mut world = World::new(1, Network::CLEAN, config);
    world.run(ms(5_000));
    assert_eq!(world.events, []);
    assert_eq!(world.session.stats().dropped.direction, world.session.stats().dropped.total());
    assert!(world.heard.iter().all(|&sample| sample == 0));
}

#[test]
fn silence_from_the_beginning_is_a_stall_since_the_beginning() {
    let mut world = World::new(1, Network::CLEAN, config());
    let since = world.now;
    world.peer.talking = false;
    world.run(ms(10_000));
    assert_eq!(world.events, [MediaEvent::Stalled { since }]);
}

#[test]
fn events_nobody_fetches_are_bounded_and_counted() {
    let mut world = World::new(1, Network::CLEAN, config());
    for n in 0..1_000u16 {
        let packet = rtp(0, n, u32::from(n) * 160, 1, &[0; 160]);
        world.session.receive(world.now + ms(20) * u32::from(n), address(super::world::PEER), &packet);
    }
    assert_eq!(world.session.stats().uplink_overflow, 1_000 - 128);
    let waiting = std::iter::from_fn(|| world.session.poll_event()).count();
    assert_eq!(waiting, 128 + 1, "the frames and the news of the first packet");
}
