//! Two people saying hello: a voice that begins with the first words of the call wants nothing yet.

use std::time::Duration;

use super::{Guard, Overlapping};

/// So long after the first packet of the greeting a voice may begin and still belong to the mutual hello.
const OVERLAP: Duration = Duration::from_millis(1_500);

/// Whether this voice belongs to the mutual hello. However long it lasts, it does not stop the agent by itself.
pub(super) fn overlaps(overlapping: &Overlapping<'_>) -> bool {
    overlapping.guard == Guard::Greeting && overlapping.since < overlapping.started + OVERLAP
}
