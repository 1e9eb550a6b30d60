use super::experience::Assumptions;
use super::ledger::{Contact, Target, Trunk};
use super::*;
use crate::campaign::law::policy::{Bounds, CallingPolicy};
use crate::campaign::run::Schedule;
use crate::campaign::settings::{FrequencyCap, Settings, TzMode};
use crate::campaign::states::{CampaignState, TargetState};
use crate::dialer::calling_hours::CallingHours;
use crate::dialer::engine::ClaimResult;
use crate::dialer::gate::Rules;
use crate::id::TrunkId;
use crate::trunk::prefix::Routes;

/// A Monday, noon in Berlin.
const NOON: Timestamp = Timestamp::constant(1_812_362_400, 0); // 2027-06-07T10:00:00Z

fn settings(calls_per_minute: u32, max_concurrent_calls: u32) -> Settings {
    Settings { calls_per_minute, max_concurrent_calls, max_retries: 1, retry_delay_min: 5, ..Settings::default() }
}

/// A campaign with contacts in Berlin who all answer and talk for about a minute.
fn plan(settings: Settings, policy: &str, contacts: u32) -> Plan {
    let policy: CallingPolicy = serde_json::from_str(policy).expect("a policy");
    let schedule = Schedule { time_zone: "Europe/Berlin".to_owned(), ..Schedule::default() };
    let hours = CallingHours::new(&schedule, TzMode::ContactLocal).expect("a zone");
    let hours = hours.within(Bounds::new(&policy, &settings));
    let experience = Experience::new(
        Vec::new(),
        Assumptions { answered_percent: 100, voicemail_percent: 0, talk_s: 60 },
        settings.ring_timeout(),
    );
    let trunks = vec![Trunk::new(TrunkId::from_u128(1), 60, 50), Trunk::new(TrunkId::from_u128(2), 6000, 50)];
    let mut ledger = Ledger::new(Duration::from_secs(12 * 3600), 6000, 1000, trunks);
    let index = ledger.add_campaign(Rules { state: CampaignState::InProgress, settings, hours }, 0);
    ledger.with_rounds(index, schedule, NOON);
    for contact in 0..contacts {
        let number = format!("+4930{contact:07}").parse().expect("a number");
        ledger.contacts.push(Contact { number, zone: None });
        ledger.add_target(index, contact as usize, NOON);
    }
    let now = Now { mono: crate::time::now().mono, wall: NOON };
    Plan {
        now,
        ledger,
        campaign: index,
        experience: vec![experience],
        windowless: BTreeSet::new(),
        unreached: BTreeMap::new(),
        minutes: None,
        futures: 3,
    }
}

fn minutes(plan: &Plan) -> (Forecast, f64) {
    let forecast = forecast(plan, &|| false).expect("time enough");
    let done = forecast.done.expect("an end").duration_since(NOON).as_secs_f64() / 60.0;
    (forecast, done)
}

fn longest(forecast: &Forecast) -> Option<Holding> {
    forecast.shares().into_iter().max_by(|one, other| one.1.total_cmp(&other.1)).map(|(holding, _)| holding)
}

#[test]
fn it_takes_what_the_nearest_limit_makes_of_it_and_names_that() {
    let (paced, done) = minutes(&plan(settings(10, 50), "{}", 200));
    assert!((19.9..=22.0).contains(&done), "200 dials at 10 a minute: {done} minutes");
    assert_eq!((paced.dials().round(), longest(&paced)), (200.0, Some(Holding::Pace)));
    assert!((paced.minutes - 200.0).abs() < 15.0, "{} minutes of calls", paced.minutes);
    let (full, done) = minutes(&plan(settings(600, 2), "{}", 100));
    // 68 seconds each, two at a time.
    assert!((54.0..=60.0).contains(&done), "{done} minutes");
    assert_eq!(longest(&full), Some(Holding::Concurrency));
    let (trunk, done) = minutes(&plan(settings(600, 500), "{}", 300));
    assert!((6.0..=8.5).contains(&done), "300 calls over 50 channels: {done} minutes");
    assert_eq!(longest(&trunk), Some(Holding::TrunkConcurrency));
    let mut small = plan(settings(600, 500), "{}", 100);
    small.ledger.node_max_calls = Some(5);
    let (small, done) = minutes(&small);
    assert!((21.0..=25.0).contains(&done), "{done} minutes");
    assert_eq!(longest(&small), Some(Holding::Capacity));
}

#[test]
fn a_second_trunk_takes_what_the_first_one_has_no_room_for() {
    let one = plan(settings(600, 500), "{}", 300);
    let mut two = one.clone();
    two.ledger.with_trunks(0, vec![vec![(0, 1)], vec![(1, 1)]]);
    let (alone, together) = (minutes(&one).1, minutes(&two).1);
    assert!(together < alone * 0.7, "{together} minutes with two, {alone} with one");
}

#[test]
fn numbers_go_over_the_trunks_that_their_routes_lead_to() {
    let alone = minutes(&plan(settings(600, 500), "{}", 300)).1;
    let mut led = plan(settings(600, 500), "{}", 300);
    led.ledger.with_trunks(0, vec![vec![(0, 1)], vec![(1, 1)]]);
    let free = minutes(&led).1;
    let route = |prefix: &str, trunk| Routes::new([(prefix.to_owned(), vec![TrunkId::from_u128(trunk)])]);
    led.ledger.routes = route("4930", 1);
    let first = minutes(&led).1;
    assert!((first - alone).abs() < 0.5, "{first} minutes as if there were no second trunk, which take {alone}");
    led.ledger.routes = route("4930", 2);
    let second = minutes(&led).1;
    assert!(
        second < first + 0.5 && second > free * 1.2,
        "over the faster one alone: {second} minutes, with both {free}"
    );
    led.ledger.routes = route("49301", 1);
    let others = minutes(&led).1;
    assert!((others - free).abs() < 0.5, "a route of nobody changes nothing: {others} minutes, without it {free}");
    led.ledger.routes = route("4930", 7);
    let none = minutes(&led).1;
    assert!((none - free).abs() < 0.5, "nobody is left uncalled for a route: {none} minutes, without it {free}");
}

#[test]
fn the_same_question_has_the_same_answer() {
    let experience = |answered_percent| {
        let assumed = Assumptions { answered_percent, voicemail_percent: 10, talk_s: 40 };
        Experience::new(Vec::new(), assumed, Duration::from_secs(30))
    };
    let mut asked = plan(settings(30, 10), "{}", 150);
    asked.experience = vec![experience(40)];
    let (first, second) = (minutes(&asked).0, minutes(&asked).0);
    assert_eq!(first, second);
    assert!(first.dials() > 160.0, "{} dials with retries", first.dials());
    assert!(first.spread.0 <= first.done && first.done <= first.spread.1, "{:?}", first.spread);
    assert_eq!(forecast(&asked, &|| true), Err(Stopped));
}

#[test]
fn a_cap_on_the_cost_of_a_day_puts_calls_off_to_the_next() {
    // A call reserves five minutes; it costs one or two when it is over: about 66 of them fit into a day.
    let policy = r#"{"spend": {"daily_cap": 100000, "time_zone": "Europe/Berlin", "rates": [{"prefix": "49", "per_minute": 1000}]}}"#;
    let (capped, done) = minutes(&plan(settings(10, 50), policy, 80));
    assert!(done > 12.0 * 60.0, "tomorrow: {done} minutes");
    let today: f64 = capped
        .busy_hours()
        .filter(|(hour, _)| **hour < NOON + Duration::from_secs(43_200))
        .map(|(_, hour)| hour.dials)
        .sum();
    assert!((58.0..=67.0).contains(&today), "{today} dials today");
    assert!(capped.shares().contains_key(&Holding::SpendCap), "{:?}", capped.shares());
    assert_eq!(capped.dials().round(), 80.0);
}

#[test]
fn minutes_that_are_used_up_put_calls_off_to_the_next_month() {
    let mut asked = plan(settings(10, 50), "{}", 100);
    let minute = Duration::from_secs(60);
    asked.minutes = Some(Minutes { most: minute * 80, used: minute * 30 });
    let (limited, done) = minutes(&asked);
    assert!(done > 22.0 * 24.0 * 60.0, "in July: {done} minutes");
    assert_eq!(longest(&limited), Some(Holding::QuotaMinutes));
    assert!((limited.minutes_this_month - 60.0).abs() < 15.0, "{} minutes in June", limited.minutes_this_month);
    assert_eq!((limited.dials().round(), limited.minutes_left), (100.0, Some(50.0)));
}

#[test]
fn whoever_was_called_as_often_as_a_cap_allows_waits_for_it() {
    let cap = Some(FrequencyCap { dials: 1, per_hours: 24 });
    let mut asked = plan(Settings { frequency_cap: cap, ..settings(60, 50) }, "{}", 4);
    let yesterday = NOON - Duration::from_secs(22 * 3600);
    let number = asked.ledger.contacts[2].number.clone();
    asked.ledger.remember(number, vec![yesterday]);
    let done = minutes(&asked).1;
    assert!((120.0..=123.0).contains(&done), "two hours: {done} minutes");
}

fn waiting(contact: usize, priority: i64, place: i64) -> Target {
    Target {
        campaign: 0,
        contact,
        state: TargetState::Waiting,
        blocked: None,
        next_at: NOON,
        round: 1,
        dials: 0,
        ends: Vec::new(),
        callback_at: None,
        hold: None,
        answered: false,
        last_ended: None,
        last_reason: None,
        late: false,
        priority,
        rank: priority,
        place,
        listed: true,
        turn: 0,
        run_seq: 1,
        number: 0,
    }
}

#[test]
fn the_list_and_the_urgent_have_their_order() {
    let mut ledger = plan(settings(600, 50), "{}", 0).ledger;
    for (contact, (priority, place)) in [(0, 3), (0, 1), (0, 2), (7, 9)].into_iter().enumerate() {
        let number = format!("+4930{contact:07}").parse().expect("a number");
        ledger.contacts.push(Contact { number, zone: None });
        let mut target = waiting(contact, priority, place);
        if contact == 3 {
            target.next_at = NOON + Duration::from_secs(1);
        }
        ledger.restore(target, NOON);
    }
    ledger.renew(1, NOON);
    let later = NOON + Duration::from_secs(2);
    assert_eq!(ledger.promote(0, 2, NOON), (2, Some(NOON), true), "two of three that are due");
    assert_eq!(ledger.hurry(0, 2, NOON), (0, Some(NOON + Duration::from_secs(1))), "nobody urgent is due");
    assert_eq!(ledger.hurry(0, 2, later).0, 1);
    let mut taken = Vec::new();
    for second in 2..5 {
        let claimed = ledger.claim(0, 1, NOON + Duration::from_secs(second), Duration::ZERO).0;
        let ClaimResult::Dial(dial) = claimed else { panic!("{claimed:?}") };
        taken.push(ledger.attempts[dial.attempt].target);
    }
    assert_eq!(taken, [3, 1, 2], "the urgent one, then the list as it is ordered");
}
