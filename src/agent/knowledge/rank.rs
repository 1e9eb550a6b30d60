//! Which passages fit a question best, judged by which of its terms they hold.
//!
//! A database finds the passages of one term quickly, but weighing all passages against all terms takes as long as the
//! commonest term has passages. So each term brings a bounded list, and a term whose list is full is common: it says
//! little and weighs little. A rare term weighs by how rare it is, as in BM25.

use std::collections::BTreeMap;

/// Passages that one term brings at most.
pub const LIST: usize = 300;

/// The passages of one term, by the database's number for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hits {
    /// Up to [`LIST`] of them, in any order.
    pub passages: Vec<i64>,
}

impl Hits {
    /// Whether there may be more of them.
    #[must_use]
    pub fn is_common(&self) -> bool {
        self.passages.len() >= LIST
    }

    /// The same, for what is telling although there is much of it: terms that stand together.
    #[must_use]
    pub fn as_rare(mut self) -> Self {
        self.passages.truncate(LIST - 1);
        self
    }
}

/// The best `limit` of all passages that were hit, best first; equals by number. `total` is how many passages there
/// are.
#[must_use]
pub fn best(hits: &[Hits], total: u64, limit: usize) -> Vec<i64> {
    let mut scores: BTreeMap<i64, f64> = BTreeMap::new();
    for hit in hits {
        let weight = weight(hit, total);
        for passage in &hit.passages {
            *scores.entry(*passage).or_default() += weight;
        }
    }
    let mut ranked: Vec<(i64, f64)> = scores.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranked.into_iter().take(limit).map(|(passage, _)| passage).collect()
}

/// The best `limit` of several lists, each best first, by reciprocal rank fusion: a place in a list is worth one by 60
/// and the place. Equals by key.
#[must_use]
pub fn fuse<K: Ord + Copy>(lists: &[Vec<K>], limit: usize) -> Vec<K> {
    const FLAT: f64 = 60.0;
    let mut scores: BTreeMap<K, f64> = BTreeMap::new();
    for list in lists {
        for (place, key) in list.iter().enumerate() {
            *scores.entry(*key).or_default() += 1.0 / (FLAT + 1.0 + place as f64);
        }
    }
    let mut ranked: Vec<(K, f64)> = scores.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranked.into_iter().take(limit).map(|(key, _)| key).collect()
}

/// The inverse document frequency as BM25 has it; next to nothing for a term that is common.
fn weight(hit: &Hits, total: u64) -> f64 {
    const COMMON: f64 = 0.1;
    let count = hit.passages.len() as f64;
    if hit.is_common() { COMMON } else { (1.0 + (total as f64 - count + 0.5).max(0.0) / (count + 0.5)).ln() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(passages: impl IntoIterator<Item = i64>) -> Hits {
        Hits { passages: passages.into_iter().collect() }
    }

    #[test]
    fn more_terms_and_rarer_terms_come_first() {
        let lists = [hits(0..100), hits([7, 8]), hits([8, 200])];
        assert_eq!(best(&lists, 10_000, 3), [8, 7, 200]);
        assert_eq!(best(&lists, 10_000, 0), Vec::<i64>::new());
        assert_eq!(best(&[], 10_000, 3), Vec::<i64>::new());
    }

    #[test]
    fn what_several_lists_have_comes_before_what_one_has() {
        assert_eq!(fuse(&[vec![1, 2, 3], vec![9, 3]], 10), [3, 1, 9, 2]);
        assert_eq!(fuse(&[vec![1, 2, 3], vec![]], 2), [1, 2]);
        assert_eq!(fuse::<u8>(&[], 2), Vec::<u8>::new());
    }

    #[test]
    fn common_terms_decide_only_among_equals() {
        let common = hits(0..LIST as i64);
        let lists = [common.clone(), common.clone(), common, hits([900, 5])];
        assert_eq!(best(&lists, 10_000, 2), [5, 900]);
    }

    #[test]
    fn a_term_in_every_passage_of_a_small_document_still_counts_for_something() {
        assert_eq!(best(&[hits([1, 2, 3]), hits([2])], 3, 1), [2]);
        assert_eq!(best(&[hits([3, 1, 2])], 3, 3), [1, 2, 3]);
    }
}
