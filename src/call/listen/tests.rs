use std::sync::Arc;
use std::time::Duration;

use callwright_media::frame::{FRAME_8K, PcmFrame, Rate};

use super::*;
use crate::net::media_leg::FrameSink;

fn frame(level: i16) -> PcmFrame {
    PcmFrame::from_samples(Rate::Hz8000, &[level; FRAME_8K]).expect("20 ms")
}

fn fed(listeners: &Arc<Listeners>, position: u64) -> feed::Feed {
    let sound = listeners.wants_sound().expect("somebody listens");
    to_listeners(listeners, sound, position)
}

async fn next(listener: &mut Listener) -> Option<Next> {
    tokio::time::timeout(Duration::from_secs(5), listener.next()).await.expect("it comes in time")
}

/// Position and the first sample of both sides.
fn read(message: &Bytes) -> (u64, i16, i16) {
    assert_eq!(message.len(), POSITION + 4 * FRAME_8K);
    let sample = |at: usize| i16::from_le_bytes([message[at], message[at + 1]]);
    let position = u64::from_le_bytes(message[..POSITION].try_into().expect("eight bytes"));
    (position, sample(POSITION), sample(POSITION + 2))
}

async fn sound(listener: &mut Listener) -> (u64, i16, i16) {
    match next(listener).await {
        Some(Next::Sound(message)) => read(&message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn everybody_hears_the_caller_left_and_the_agent_right_from_the_same_message() {
    let listeners = Arc::new(Listeners::default());
    assert!(listeners.wants_sound().is_none(), "nobody listens");
    let (mut one, first) = listeners.join().expect("there is room");
    let mut feed = fed(&listeners, 1_600);
    let (mut two, second) = listeners.join().expect("there is room");
    assert_eq!((first, second, listeners.count()), (true, false, 2));
    feed.frame(0, &frame(7), &frame(-9));
    feed.frame(2, &frame(8), &frame(-10));
    let (Some(Next::Sound(at_one)), Some(Next::Sound(at_two))) = (next(&mut one).await, next(&mut two).await) else {
        panic!("both hear it");
    };
    assert_eq!((read(&at_one), at_one.as_ptr()), ((1_600, 7, -9), at_two.as_ptr()), "it is put together once");
    assert_eq!(sound(&mut one).await, (1_600 + 3 * 160, 8, -10), "what is left out shows in the position");
}

#[tokio::test]
async fn who_comes_to_a_wideband_leg_hears_all_of_it_and_who_came_before_it_what_a_telephone_carries() {
    for (before, rate) in [(false, Rate::Hz16000), (true, Rate::Hz8000)] {
        let listeners = Arc::new(Listeners::default());
        let early = before.then(|| listeners.join().expect("there is room"));
        listeners.works_at(Rate::Hz16000);
        let (mut one, _) = early.unwrap_or_else(|| listeners.join().expect("there is room"));
        assert_eq!(one.rate(), rate);
        let mut feed = fed(&listeners, 0);
        let wide = PcmFrame::from_samples(Rate::Hz16000, &[500; 320]).expect("20 ms");
        for n in 0..3 {
            feed.frame(0, &wide, &PcmFrame::silence(Rate::Hz16000));
            let Some(Next::Sound(message)) = next(&mut one).await else { panic!("it is heard") };
            assert_eq!(message.len(), POSITION + 4 * rate.samples());
            assert_eq!(message[..POSITION], (n * rate.samples() as u64).to_le_bytes());
        }
    }
}

#[tokio::test]
async fn whoever_is_slow_loses_its_own_sound_and_is_told_how_much() {
    let listeners = Arc::new(Listeners::default());
    let (mut slow, _) = listeners.join().expect("there is room");
    let mut feed = fed(&listeners, 0);
    let (mut quick, _) = listeners.join().expect("there is room");
    for n in 0..120_u64 {
        feed.frame(0, &frame(1), &frame(2));
        assert_eq!(sound(&mut quick).await.0, n * 160, "the other one loses nothing");
    }
    // A place of the channel is a power of two: what is kept is at least a second.
    let Some(Next::Missed(missed)) = next(&mut slow).await else { panic!("it is told") };
    assert!((1..=70).contains(&missed), "{missed} of 120");
    assert_eq!(sound(&mut slow).await.0, missed * 160, "and goes on from the oldest there is");
}

#[tokio::test]
async fn the_leg_hands_over_nothing_when_the_last_one_has_gone_and_again_for_the_next() {
    let listeners = Arc::new(Listeners::default());
    let (one, _) = listeners.join().expect("there is room");
    let mut feed = fed(&listeners, 0);
    drop(one);
    feed.frame(0, &frame(1), &frame(1));
    let gone = async {
        while !feed.is_over() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("it is over");
    let (mut two, tell) = listeners.join().expect("there is room");
    assert!(tell, "the leg has to be told again");
    let mut feed = fed(&listeners, 320);
    feed.frame(0, &frame(3), &frame(4));
    assert_eq!(sound(&mut two).await, (320, 3, 4));
}

#[tokio::test]
async fn what_happens_goes_before_sound_and_the_end_is_the_last_of_it() {
    let listeners = Arc::new(Listeners::default());
    let told = std::cell::Cell::new(false);
    listeners.tell(|| {
        told.set(true);
        Happening::Changed
    });
    assert!(!told.get(), "nothing is made for nobody");
    let (mut one, _) = listeners.join().expect("there is room");
    let mut feed = fed(&listeners, 0);
    feed.frame(0, &frame(1), &frame(1));
    tokio::task::yield_now().await;
    listeners.tell(|| Happening::Changed);
    assert_eq!(next(&mut one).await, Some(Next::Happened(Happening::Changed)));
    assert_eq!(sound(&mut one).await.0, 0);
    listeners.end(DisconnectionReason::UserHangup, EndedBy::Contact);
    listeners.end(DisconnectionReason::AgentHangup, EndedBy::System);
    let ended = Happening::Ended(DisconnectionReason::UserHangup, EndedBy::Contact);
    assert_eq!(next(&mut one).await, Some(Next::Happened(ended)), "the first end counts");
    assert_eq!(next(&mut one).await, None);
    assert_eq!(listeners.join().map(|_| ()), Err(Unheard::Over));
}

#[test]
fn a_call_takes_so_many_listeners() {
    let listeners = Listeners::default();
    let all: Vec<_> = (0..MOST).map(|_| listeners.join().expect("there is room")).collect();
    assert_eq!(listeners.join().map(|_| ()), Err(Unheard::Full));
    drop(all);
    assert!(listeners.join().is_ok());
}
