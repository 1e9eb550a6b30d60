//! Whether a flow gets anywhere.

use std::collections::BTreeMap;

use super::{Check, Problem};
use crate::agent::flow::graph::{Flow, Step};

impl Check<'_> {
    /// Every node can be reached, and an end from every node. All targets exist and no id stands twice.
    pub(super) fn paths(&mut self, flow: &Flow) {
        let nodes = &flow.nodes;
        let index: BTreeMap<&str, usize> = nodes.iter().enumerate().map(|(i, node)| (node.id.as_str(), i)).collect();
        let next: Vec<Vec<usize>> =
            nodes.iter().map(|node| targets(&node.step).filter_map(|t| index.get(t).copied()).collect()).collect();
        let mut back = vec![Vec::new(); nodes.len()];
        for (from, targets) in next.iter().enumerate() {
            for to in targets {
                back[*to].push(from);
            }
        }
        let start = index.get(flow.start.as_str()).copied();
        let reached = flood(&next, start.into_iter().collect());
        let ends = (0..nodes.len()).filter(|i| matches!(nodes[*i].step, Step::End(_))).collect();
        let ending = flood(&back, ends);
        let silent: Vec<Vec<usize>> = next
            .iter()
            .enumerate()
            .map(|(i, targets)| if matches!(nodes[i].step, Step::Branch(_)) { targets.clone() } else { Vec::new() })
            .collect();
        for i in 0..nodes.len() {
            let at = format!("/flow/nodes/{i}");
            if !reached[i] {
                self.fault(&at, Problem::Unreachable);
            }
            if !ending[i] {
                self.fault(&at, Problem::NoExit);
            }
            if flood(&silent, silent[i].clone())[i] {
                self.fault(&at, Problem::EndlessBranch);
            }
        }
    }
}

/// All nodes that can be reached from `open`, those included.
fn flood(edges: &[Vec<usize>], mut open: Vec<usize>) -> Vec<bool> {
    let mut reached = vec![false; edges.len()];
    while let Some(node) = open.pop() {
        if !std::mem::replace(&mut reached[node], true) {
            open.extend(&edges[node]);
        }
    }
    reached
}

fn targets(step: &Step) -> Box<dyn Iterator<Item = &str> + '_> {
    match step {
        Step::Say(say) => Box::new(std::iter::once(say.next.as_str())),
        Step::Ask(ask) => Box::new(std::iter::once(ask.next.as_str())),
        Step::Branch(branch) => {
            Box::new(branch.cases.iter().map(|case| case.next.as_str()).chain([branch.otherwise.as_str()]))
        }
        Step::End(_) => Box::new(std::iter::empty()),
    }
}
