use proptest::prelude::*;

use super::*;

fn keys(text: &str) -> Vec<Digit> {
    text.chars().map(|key| Digit::from_char(key).expect("a key")).collect()
}

/// Ticks a sender until it is done, then some; `None` is an audio packet.
fn transmit(sender: &mut DtmfSender, first: u32) -> Vec<Option<EventPacket>> {
    let mut packets = Vec::new();
    let mut timestamp = first;
    while sender.is_busy() {
        packets.push(sender.next(timestamp));
        timestamp = timestamp.wrapping_add(STEP);
        assert!(packets.len() < 100_000, "the sender never finishes");
    }
    packets
}

fn receive(receiver: &mut DtmfReceiver, packets: &[EventPacket]) -> Vec<KeyChange> {
    let mut heard = Vec::new();
    for packet in packets {
        receiver
            .receive(packet.timestamp, packet.marker, &packet.payload, |change| heard.push(change))
            .expect("a sender's packet");
    }
    heard
}

fn pressed(changes: &[KeyChange]) -> String {
    changes
        .iter()
        .filter_map(|change| match change {
            KeyChange::Down(digit) => Some(digit.as_char()),
            KeyChange::Up { .. } => None,
        })
        .collect()
}

#[test]
fn one_key_is_five_growing_reports_of_which_the_last_is_sent_three_times() {
    let mut sender = DtmfSender::default();
    sender.send(&keys("5")).expect("room");
    let packets: Vec<EventPacket> = transmit(&mut sender, 1_000).into_iter().flatten().collect();
    let seen: Vec<(bool, u32, [u8; 4])> = packets.iter().map(|p| (p.marker, p.timestamp, p.payload)).collect();
    assert_eq!(
        seen,
        [
            (true, 1_000, [5, 10, 0, 160]),
            (false, 1_000, [5, 10, 1, 64]),
            (false, 1_000, [5, 10, 1, 224]),
            (false, 1_000, [5, 10, 2, 128]),
            (false, 1_000, [5, 0x8a, 3, 32]),
            (false, 1_000, [5, 0x8a, 3, 32]),
            (false, 1_000, [5, 0x8a, 3, 32]),
        ]
    );
}

#[test]
fn keys_are_apart_by_the_gap_counted_from_key_up() {
    let mut sender = DtmfSender::new(Duration::from_millis(60), Duration::from_millis(80));
    sender.send(&keys("12")).expect("room");
    let packets = transmit(&mut sender, 0);
    let shape: String = packets.iter().map(|packet| if packet.is_some() { '#' } else { '.' }).collect();
    // Three packets of tone, two repeats of the end that already count as gap, two of audio.
    assert_eq!(shape, "#####..#####");
    assert_eq!(packets[7].map(|packet| packet.timestamp), Some(7 * STEP));
}

#[test]
fn a_stall_of_the_sender_makes_the_key_longer_not_the_reports_wrong() {
    let mut sender = DtmfSender::default();
    sender.send(&keys("9")).expect("room");
    let first = sender.next(0).expect("the key goes down");
    let second = sender.next(4_000).expect("still the key");
    assert_eq!(first.payload, [9, 10, 0, 160]);
    assert_eq!(second.payload[1] & 0x80, 0x80);
    assert_eq!(u16::from_be_bytes([second.payload[2], second.payload[3]]), 4_160);
}

#[test]
fn the_queue_is_bounded_and_takes_all_or_nothing() {
    let mut sender = DtmfSender::default();
    let many = vec![Digit::from_event(1).expect("a key"); MAX_QUEUED];
    assert_eq!(sender.send(&many), Ok(()));
    assert_eq!(sender.send(&many[..2]), Err(QueueFull { rejected: 2 }));
    sender.clear();
    assert!(!sender.is_busy());
    assert_eq!(sender.next(0), None);
}

#[test]
fn clearing_ends_the_key_that_is_down() {
    let mut sender = DtmfSender::default();
    sender.send(&keys("12")).expect("room");
    let first = sender.next(0).expect("key 1");
    sender.clear();
    let mut packets = vec![first];
    let mut timestamp = STEP;
    while let Some(packet) = sender.next(timestamp) {
        packets.push(packet);
        timestamp += STEP;
    }
    let changes = receive(&mut DtmfReceiver::default(), &packets);
    assert_eq!(pressed(&changes), "1");
    assert_eq!(changes.last(), Some(&KeyChange::Up { digit: keys("1")[0], duration: 800 }));
}

#[test]
fn peers_that_never_set_the_marker_are_understood() {
    let mut sender = DtmfSender::default();
    sender.send(&keys("1122##")).expect("room");
    let mut packets: Vec<EventPacket> = transmit(&mut sender, u32::MAX - 3_000).into_iter().flatten().collect();
    packets.iter_mut().for_each(|packet| packet.marker = false);
    assert_eq!(pressed(&receive(&mut DtmfReceiver::default(), &packets)), "1122##");
}

#[test]
fn a_key_is_heard_though_only_its_end_arrives() {
    let mut receiver = DtmfReceiver::default();
    let mut heard = Vec::new();
    for _ in 0..3 {
        receiver.receive(500, false, &[7, 0x8a, 3, 32], |change| heard.push(change)).expect("a report");
    }
    assert_eq!(heard, [KeyChange::Down(keys("7")[0])]);
}

#[test]
fn the_same_key_twice_is_two_keys_though_the_first_end_is_lost() {
    let mut receiver = DtmfReceiver::default();
    let mut heard = Vec::new();
    for (timestamp, duration) in [(0, 160), (0, 320), (2_400, 160), (2_400, 320)] {
        let [high, low] = u16::to_be_bytes(duration);
        receiver.receive(timestamp, false, &[3, 10, high, low], |change| heard.push(change)).expect("a report");
    }
    assert_eq!(pressed(&heard), "33");
}

#[test]
fn a_long_key_in_segments_is_one_key() {
    let mut receiver = DtmfReceiver::default();
    let mut heard = Vec::new();
    // A new timestamp with every packet, each going on where the one before ended.
    for packet in 0u32..40 {
        let end = if packet == 39 { 0x80 } else { 0 };
        receiver
            .receive(packet * 160, packet == 0, &[4, end | 10, 0, 160], |change| heard.push(change))
            .expect("a report");
    }
    let four = keys("4")[0];
    assert_eq!(heard, [KeyChange::Down(four), KeyChange::Up { digit: four, duration: 6_400 }]);
}

#[test]
fn reports_that_come_late_say_nothing_new() {
    let mut receiver = DtmfReceiver::default();
    let mut heard = Vec::new();
    for (timestamp, report) in [
        (0, [1, 10, 0, 160]),
        (0, [1, 0x8a, 3, 32]),
        (0, [1, 10, 1, 64]),
        (1_600, [2, 10, 0, 160]),
        (0, [1, 0x8a, 3, 32]),
        (1_600, [2, 10, 1, 64]),
    ] {
        receiver.receive(timestamp, false, &report, |change| heard.push(change)).expect("a report");
    }
    assert_eq!(pressed(&heard), "12");
    assert_eq!(heard.len(), 3, "{heard:?}");
}

#[test]
fn several_events_in_one_packet_are_several_keys() {
    let mut receiver = DtmfReceiver::default();
    let mut heard = Vec::new();
    let payload = [1, 0x8a, 1, 64, 1, 0x8a, 1, 64, 2, 10, 0, 160];
    receiver.receive(100, true, &payload, |change| heard.push(change)).expect("three reports");
    receiver.receive(740, false, &[2, 0x8a, 1, 64], |change| heard.push(change)).expect("the last one goes on");
    assert_eq!(pressed(&heard), "112");
    assert_eq!(heard.last(), Some(&KeyChange::Up { digit: keys("2")[0], duration: 320 }));
}

#[test]
fn what_is_no_key_is_named() {
    let mut receiver = DtmfReceiver::default();
    for short in [&[][..], &[1], &[1, 2, 3]] {
        assert_eq!(receiver.receive(0, true, short, |_| {}), Err(DtmfError::Short(short.len())));
    }
    assert_eq!(receiver.receive(0, true, &[16, 10, 0, 160], |_| {}), Err(DtmfError::NotAKey(16)));
}

#[test]
fn nothing_typed_shows_in_debug_output() {
    let mut sender = DtmfSender::default();
    sender.send(&keys("4")).expect("room");
    let packet = sender.next(0).expect("a packet");
    let text = format!("{packet:?} {sender:?} {:?}", KeyChange::Down(keys("4")[0]));
    assert!(!text.contains("payload") && text.contains("[redacted]"), "{text}");
}

proptest! {
    /// What is sent is understood though half of the packets of a key are lost, repeated or overtake the next one.
    #[test]
    fn keys_survive_loss_repetition_and_reordering(
        text in "[0-9*#A-D]{1,12}",
        first in any::<u32>(),
        faults in prop::collection::vec((0u8..4, 0usize..3), 12 * 7),
        keep_markers in any::<bool>(),
    ) {
        let mut sender = DtmfSender::default();
        sender.send(&keys(&text)).expect("room");
        let sent: Vec<EventPacket> = transmit(&mut sender, first).into_iter().flatten().collect();
        let mut arriving: Vec<(usize, EventPacket)> = Vec::new();
        for (index, (&packet, &(fault, late))) in sent.iter().zip(&faults).enumerate() {
            // One packet of each key always arrives in time: its fourth.
            let spared = index % 7 == 3;
            let packet = EventPacket { marker: packet.marker && keep_markers, ..packet };
            match fault {
                0 if !spared => {}
                1 => arriving.extend([(index, packet), (index + 2, packet)]),
                2 if !spared => arriving.push((index + late, packet)),
                _ => arriving.push((index, packet)),
            }
        }
        arriving.sort_by_key(|(position, _)| *position);
        let packets: Vec<EventPacket> = arriving.into_iter().map(|(_, packet)| packet).collect();
        prop_assert_eq!(pressed(&receive(&mut DtmfReceiver::default(), &packets)), text);
    }

    #[test]
    fn arbitrary_payloads_never_panic(
        packets in prop::collection::vec((any::<u32>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..40)), 0..50),
    ) {
        let mut receiver = DtmfReceiver::default();
        for (timestamp, marker, payload) in packets {
            let mut said = 0;
            let result = receiver.receive(timestamp, marker, &payload, |_| said += 1);
            prop_assert!(said <= MAX_REPORTS);
            prop_assert!(payload.len() >= REPORT || result == Err(DtmfError::Short(payload.len())));
        }
    }
}

#[test]
fn keys_in_band_are_two_tones_and_a_pause() {
    let digits: Vec<Digit> = "7D".chars().filter_map(Digit::from_char).collect();
    let sound = in_band(&digits);
    assert_eq!(sound.len(), 2 * 1_600);
    let power = |samples: &[i16], hz: f64| {
        let (mut re, mut im) = (0.0, 0.0);
        for (n, &sample) in samples.iter().enumerate() {
            let phase = std::f64::consts::TAU * hz * n as f64 / 8_000.0;
            re += f64::from(sample) * phase.cos();
            im += f64::from(sample) * phase.sin();
        }
        (re * re + im * im).sqrt() / samples.len() as f64
    };
    for (key, tones) in [(0, [852.0, 1_209.0]), (1, [941.0, 1_633.0])] {
        let down = &sound[key * 1_600..key * 1_600 + 800];
        assert!(tones.iter().all(|&hz| power(down, hz) > 3_000.0));
        assert!([697.0, 770.0, 1_336.0, 1_477.0].iter().all(|&hz| power(down, hz) < 300.0));
        assert!(sound[key * 1_600 + 800..(key + 1) * 1_600].iter().all(|&sample| sample == 0));
    }
}
