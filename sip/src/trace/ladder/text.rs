//! The ladder in plain text, for a terminal.

use std::fmt;

use super::{Ladder, Participant, Step};

/// Columns before the first line of life.
const MARGIN: usize = 18;
/// The narrowest and the widest space between two lines of life.
const WIDTHS: (usize, usize) = (30, 64);

impl fmt::Display for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Us => f.write_str("callwright"),
            Self::Peer(address) => address.fmt(f),
        }
    }
}

impl fmt::Display for Ladder<'_> {
    /// One line a message, under the names of those who take part. Lines do not change as further messages follow, as long
    /// as nobody new takes part and no label is longer than those before.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.steps.iter().map(|step| text(step).chars().count()).max().unwrap_or(0);
        let width = (longest + 8).clamp(WIDTHS.0, WIDTHS.1);
        let names: String = self.participants.iter().map(|name| format!("{:width$}", name.to_string())).collect();
        writeln!(f, "{:MARGIN$}{}", "", names.trim_end())?;
        for step in &self.steps {
            if step.left_out_before > 0 {
                writeln!(f, "{:MARGIN$}: {} messages left out", "", step.left_out_before)?;
            }
            let leg = if self.legs.len() > 1 { format!("{} ", step.leg + 1) } else { String::new() };
            let time = format!("{:+.3}", step.offset_us as f64 / 1e6);
            let margin = format!("{leg}{time} {}", step.message.transport().name());
            writeln!(f, "{margin:MARGIN$}{}", arrow(step, self.participants.len(), width))?;
        }
        if self.legs.len() > 1 {
            for (number, call_id) in (1..).zip(&self.legs) {
                writeln!(f, "leg {number}: {call_id}")?;
            }
        }
        Ok(())
    }
}

fn text(step: &Step<'_>) -> String {
    if step.repeated { format!("{} again", step.label) } else { step.label.clone() }
}

/// `|--- INVITE (SDP) ----------->|`
fn arrow(step: &Step<'_>, participants: usize, width: usize) -> String {
    let last = (participants - 1) * width;
    let mut row: Vec<char> = vec![' '; last + 1];
    for place in (0..=last).step_by(width) {
        row[place] = '|';
    }
    let (left, right) = (step.from.min(step.to) * width, step.from.max(step.to) * width);
    row[left + 1..right].fill('-');
    if step.from < step.to {
        row[right - 1] = '>';
    } else {
        row[left + 1] = '<';
    }
    let room = right - left - 7;
    let mut label: Vec<char> = text(step).chars().collect();
    if label.len() > room {
        label.truncate(room - 1);
        label.push('~');
    }
    let start = left + 4;
    let label: Vec<char> = [vec![' '], label, vec![' ']].concat();
    row[start..start + label.len()].copy_from_slice(&label);
    row.into_iter().collect()
}
