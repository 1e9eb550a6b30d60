//! Whether a flow gets anywhere.

use std::collections::BTreeMap;

use super::{Check, Problem};
use crate::agent::flow::graph::{Flow, Step};

impl Check<'_> {
    /// Every node can be reached, and an end from every node. All targets exist and no id stands twice.
    pub(super) fn paths(&mut self, flow: &Flow) {
        let nodes = &flow.nodes;
        let index: BTreeMap<&str, usize> = nodes.iter().enumerate().map(|(i, node)| (node.id.as_str(), i)).collect();
        let next: Vec<Vec<usize>> = nodes
            .iter()
            .map(|node| node.step.targets().iter().filter_map(|t| index.get(t).copied()).collect())
            .collect();
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
        let restless: Vec<Vec<usize>> = next
            .iter()
            .enumerate()
            .map(|(i, targets)| if waits(&nodes[i].step) { Vec::new() } else { targets.clone() })
            .collect();
        for i in 0..nodes.len() {
            let at = format!("/flow/nodes/{i}");
            if !reached[i] {
                self.fault(&at, Problem::Unreachable);
            }
            if !ending[i] {
                self.fault(&at, Problem::NoExit);
            }
            if flood(&restless, restless[i].clone())[i] {
                self.fault(&at, Problem::EndlessCircle);
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

/// Whether the caller gets the word there: a circle without such a node goes on until the call's longest duration.
const fn waits(step: &Step) -> bool {
    match step {
        Step::Ask(_) | Step::Transfer(_) | Step::End(_) => true,
        Step::Say(_) | Step::Branch(_) | Step::Tool(_) | Step::MarkSuccess(_) => false,
    }
}
