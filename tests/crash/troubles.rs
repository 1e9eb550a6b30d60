//! What befalls the servers, drawn from a seed.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// How many troubles a round has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) kills: usize,
    pub(crate) freezes: usize,
    /// Interruptions of the database.
    pub(crate) cuts: usize,
}

/// A trouble of one server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// `SIGKILL`.
    Kill(Moment),
    /// `SIGSTOP`, and `SIGCONT` after this long: the lease has run out.
    Freeze(Duration),
    /// Its database cannot be used for so long.
    Cut(Cut, Duration),
}

/// When a server is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// So long after it was up.
    After(Duration),
    /// So long after the next INVITE has arrived.
    Invite(Duration),
    /// So long after the next callee has answered.
    Answer(Duration),
    /// So long after it was started, most often before it is up.
    Starting(Duration),
}

/// How a database fails. PostgreSQL's link does as it is told; SQLite's disk takes no writes, whichever is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// Connections break and none can be made.
    Broken,
    /// Nothing comes through, but nothing breaks.
    Stalled,
    /// Answers are lost for a moment, then connections break: what was committed is not known to be.
    Deaf,
}

/// What kind of trouble befell a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Kill,
    Freeze,
    Cut,
}

impl Kind {
    /// Whether the process goes on afterwards.
    pub(crate) const fn leaves_it_running(self) -> bool {
        match self {
            Self::Kill => false,
            Self::Freeze | Self::Cut => true,
        }
    }
}

/// A trouble that was. Times are seconds since 1970 UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Happened {
    /// Which server.
    pub(crate) node: usize,
    pub(crate) kind: Kind,
    pub(crate) from: f64,
    /// Of a kill: when the next process was started.
    pub(crate) until: f64,
}

/// Seconds that the troubles of one server take, roughly and rather too many.
pub(crate) const fn seconds(count: Count, nodes: usize) -> usize {
    (6 * count.kills + 9 * count.freezes + 4 * count.cuts) / nodes
}

/// The troubles of each of `nodes` servers, of every kind, in random order.
pub(crate) fn draw(count: Count, nodes: usize, rng: &mut StdRng) -> Vec<Vec<Trouble>> {
    let ms = |rng: &mut StdRng, from, to| Duration::from_millis(rng.random_range(from..to));
    let mut all: Vec<_> = (0..count.kills)
        .map(|number| {
            Trouble::Kill(match number % 5 {
                0 | 1 => Moment::After(ms(rng, 200, 2_500)),
                2 => Moment::Invite(ms(rng, 0, 30)),
                3 => Moment::Answer(ms(rng, 0, 30)),
                _ => Moment::Starting(ms(rng, 20, 600)),
            })
        })
        .collect();
    all.extend((0..count.freezes).map(|_| Trouble::Freeze(ms(rng, 6_300, 8_500))));
    all.extend((0..count.cuts).map(|number| {
        // Some outlast the lease.
        let length = if number % 3 == 2 { ms(rng, 6_300, 7_500) } else { ms(rng, 200, 2_500) };
        let cut = [Cut::Deaf, Cut::Broken, Cut::Stalled][number % 3];
        Trouble::Cut(cut, length)
    }));
    all.shuffle(rng);
    let mut each = vec![Vec::new(); nodes];
    for (number, trouble) in all.into_iter().enumerate() {
        each[number % nodes].push(trouble);
    }
    each
}
