//! Over which trunks a call goes by the number called, pure: the one decision for campaigns, calls placed now, and
//! transfers. In which of them there is room is asked afterwards.

use std::collections::BTreeMap;

use crate::campaign::phone::E164;
use crate::id::TrunkId;

/// The routes of an organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// By the digits that numbers begin with: trunks in the order in which they are turned to.
    by_prefix: BTreeMap<String, Vec<TrunkId>>,
}

/// What a call has without routes.
#[derive(Clone, Copy, Debug)]
pub enum Given<'a> {
    /// Somebody named these trunks for it, in this order: a route picks among them.
    Named(&'a [TrunkId]),
    /// Nobody named any: a route leads anywhere, and without one the call goes over this.
    Usual(TrunkId),
}

impl Routes {
    /// Routes by the digits that numbers begin with; their trunks in the order in which they are turned to.
    #[must_use]
    pub fn new(routes: impl IntoIterator<Item = (String, Vec<TrunkId>)>) -> Self {
        Self { by_prefix: routes.into_iter().collect() }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_prefix.is_empty()
    }

    /// The trunks that a call to this number may go over, in order; never empty where some were given.
    ///
    /// The route with the longest prefix of the number counts. Of named trunks those remain that it leads to, in the order
    /// in which they were named; where it leads to none of them the names stand, for whoever named them meant them.
    #[must_use]
    pub fn lead(&self, to: &E164, given: Given<'_>) -> Vec<TrunkId> {
        match (self.longest(to), given) {
            (None, Given::Named(named)) => named.to_vec(),
            (None, Given::Usual(usual)) => vec![usual],
            (Some(route), Given::Usual(_)) => route.to_vec(),
            (Some(route), Given::Named(named)) => {
                let both: Vec<_> = named.iter().copied().filter(|trunk| route.contains(trunk)).collect();
                if both.is_empty() { named.to_vec() } else { both }
            }
        }
    }

    fn longest(&self, to: &E164) -> Option<&[TrunkId]> {
        let digits = to.digits();
        let prefixes = (1..=digits.len()).rev().map(|length| &digits[..length]);
        let mut routes = prefixes.filter_map(|prefix| self.by_prefix.get(prefix));
        routes.find(|route| !route.is_empty()).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: TrunkId = TrunkId::from_u128(1);
    const B: TrunkId = TrunkId::from_u128(2);
    const C: TrunkId = TrunkId::from_u128(3);

    fn routes(routes: &[(&str, &[TrunkId])]) -> Routes {
        Routes::new(routes.iter().map(|(prefix, trunks)| ((*prefix).to_owned(), trunks.to_vec())))
    }

    fn number(text: &str) -> E164 {
        text.parse().expect("a number")
    }

    #[test]
    fn the_longest_prefix_counts() {
        let routes = routes(&[("4", &[A]), ("49", &[B, A]), ("4930", &[C]), ("493", &[])]);
        let lead = |to| routes.lead(&number(to), Given::Usual(A));
        assert_eq!(lead("+4930901820"), [C]);
        assert_eq!(lead("+4931901820"), [B, A], "a route without trunks leads nowhere");
        assert_eq!(lead("+442079460000"), [A]);
        assert_eq!(lead("+12125550100"), [A], "no route: as usual");
    }

    #[test]
    fn of_named_trunks_a_route_picks_and_otherwise_the_names_stand() {
        let routes = routes(&[("49", &[C, B]), ("44", &[C])]);
        let among = |to, named| routes.lead(&number(to), Given::Named(named));
        assert_eq!(among("+4930901820", &[A, B, C]), [B, C], "in the order in which they were named");
        assert_eq!(among("+442079460000", &[A, B]), [A, B], "the route leads to none of them");
        assert_eq!(among("+12125550100", &[A, B]), [A, B]);
        assert_eq!(among("+4930901820", &[]), []);
    }

    /// Whatever the routes, a call that had trunks keeps some, and gets none that nobody named.
    #[test]
    fn nobody_is_left_without_a_trunk() {
        let all = [A, B, C];
        for seed in 0_u32..4096 {
            let pick = |bits: u32| -> Vec<TrunkId> {
                all.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, trunk)| *trunk).collect()
            };
            let (one, two, three) = (pick(seed), pick(seed >> 3), pick(seed >> 6));
            let named = pick(seed >> 9);
            let routes = routes(&[("4", &one), ("49", &two), ("4930", &three)]);
            let to = number("+4930901820");
            let led = routes.lead(&to, Given::Named(&named));
            assert_eq!(led.is_empty(), named.is_empty(), "{seed}");
            assert!(led.iter().all(|trunk| named.contains(trunk)), "{seed}");
            assert!(!routes.lead(&to, Given::Usual(A)).is_empty(), "{seed}");
        }
    }
}
