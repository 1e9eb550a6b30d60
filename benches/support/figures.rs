//! Figures of a bench: printed as a table and written where other programs find them.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Which side of the budget is good.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cmp {
    /// At most the budget.
    AtMost,
    /// At least the budget.
    #[allow(dead_code, reason = "only benches of completion rates need it")]
    AtLeast,
}

/// One figure beside its budget.
#[derive(Clone)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) cmp: Cmp,
    pub(crate) budget: f64,
    /// Under what it was measured, for people.
    pub(crate) conditions: String,
}

impl Figure {
    fn cmp(&self) -> &'static str {
        match self.cmp {
            Cmp::AtMost => "<=",
            Cmp::AtLeast => ">=",
        }
    }

    fn holds(&self) -> bool {
        match self.cmp {
            Cmp::AtMost => self.value <= self.budget,
            Cmp::AtLeast => self.value >= self.budget,
        }
    }
}

/// A table for people.
fn table(figures: &[Figure]) -> String {
    let mut table = format!("{:44} {:>10}  {:20} {:>12}\n", "figure", "value", "unit", "budget");
    for figure in figures {
        let budget = format!("{} {:.3}", figure.cmp(), figure.budget);
        let holds = if figure.holds() { "" } else { "  MISSED" };
        table += &format!("{:44} {:>10.3}  {:20} {budget:>12}{holds}\n", figure.name, figure.value, figure.unit);
    }
    table
}

/// Writes the figures, prints them and fails when a budget is missed.
pub(crate) fn settle(name: &str, figures: &[Figure]) -> anyhow::Result<()> {
    write(name, figures)?;
    io::stdout().lock().write_all(table(figures).as_bytes())?;
    let missed = figures.iter().filter(|figure| !figure.holds()).count();
    anyhow::ensure!(missed == 0, "{missed} of {} budgets missed", figures.len());
    Ok(())
}

/// Writes `target/bench/<name>.json` in the workspace's target folder.
fn write(name: &str, figures: &[Figure]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    fs::create_dir_all(&folder)?;
    let figures: Vec<_> = figures
        .iter()
        .map(|figure| {
            serde_json::json!({
                "name": figure.name,
                "value": figure.value,
                "unit": figure.unit,
                "cmp": figure.cmp(),
                "budget": figure.budget,
                "holds": figure.holds(),
                "conditions": figure.conditions,
            })
        })
        .collect();
    let text = serde_json::to_string_pretty(&serde_json::json!({ "figures": figures }))?;
    fs::write(folder.join(format!("{name}.json")), text)
}
