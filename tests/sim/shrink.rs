//! Makes a failing world small: delta debugging over its faults and its contacts, then over its nodes.

use std::collections::BTreeSet;

use crate::scenario::Scenario;
use crate::world::bug::Bug;

/// The smallest world found that still breaks, and what it says.
pub(crate) fn shrink(failing: &Scenario, bug: Option<Bug>) -> (Scenario, String) {
    let mut best = failing.clone();
    let mut said = best.run(bug).expect_err("it fails");
    loop {
        let before = best.clone();
        for part in [Part::Faults, Part::Contacts] {
            reduce(&mut best, &mut said, part, bug);
        }
        while best.hosts > 1 {
            let smaller = Scenario { hosts: best.hosts - 1, ..best.clone() };
            match smaller.run(bug) {
                Err(why) => (best, said) = (smaller, why),
                Ok(_) => break,
            }
        }
        if best == before {
            return (best, said);
        }
    }
}

#[derive(Clone, Copy)]
enum Part {
    Faults,
    Contacts,
}

impl Part {
    fn of(self, scenario: &Scenario) -> &BTreeSet<usize> {
        match self {
            Self::Faults => &scenario.faults,
            Self::Contacts => &scenario.contacts,
        }
    }

    fn with(self, scenario: &Scenario, kept: BTreeSet<usize>) -> Scenario {
        match self {
            Self::Faults => Scenario { faults: kept, ..scenario.clone() },
            Self::Contacts => Scenario { contacts: kept, ..scenario.clone() },
        }
    }
}

/// Leaves out pieces, large ones first, as long as the world still breaks without them.
fn reduce(best: &mut Scenario, said: &mut String, part: Part, bug: Option<Bug>) {
    let mut size = part.of(best).len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        let mut smaller = false;
        while from < part.of(best).len() {
            let kept: BTreeSet<_> = part
                .of(best)
                .iter()
                .enumerate()
                .filter(|(at, _)| *at < from || *at >= from + size)
                .map(|(_, &n)| n)
                .collect();
            let without = part.with(best, kept);
            match without.run(bug) {
                Err(why) => {
                    (*best, *said) = (without, why);
                    smaller = true;
                }
                Ok(_) => from += size,
            }
        }
        size = if size == 1 && !smaller { 0 } else { (size / 2).max(usize::from(size > 1 || smaller)) };
    }
}
