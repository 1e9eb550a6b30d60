//! Nodes in JSON: a node has exactly one step, under the step's name.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Ask, Branch, End, MarkSuccess, Node, Say, Step, ToolStep, TransferStep};

/// A node as JSON has it.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Node)]
pub struct NodeFields {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    say: Option<Say>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ask: Option<Ask>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    branch: Option<Branch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tool: Option<ToolStep>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transfer: Option<TransferStep>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mark_success: Option<MarkSuccess>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<End>,
}

/// A node has no step, or several.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node `{id}` must have exactly one of `say`, `ask`, `branch`, `tool`, `transfer`, `mark_success`, `end`")]
pub struct NotOneStep {
    id: String,
}

impl TryFrom<NodeFields> for Node {
    type Error = NotOneStep;

    fn try_from(fields: NodeFields) -> Result<Self, NotOneStep> {
        let NodeFields { id, say, ask, branch, tool, transfer, mark_success, end } = fields;
        let steps = [
            say.map(Step::Say),
            ask.map(Step::Ask),
            branch.map(Step::Branch),
            tool.map(Step::Tool),
            transfer.map(Step::Transfer),
            mark_success.map(Step::MarkSuccess),
            end.map(Step::End),
        ];
        let mut steps = steps.into_iter().flatten();
        match (steps.next(), steps.next()) {
            (Some(step), None) => Ok(Self { id, step }),
            (None | Some(_), _) => Err(NotOneStep { id }),
        }
    }
}

impl From<Node> for NodeFields {
    fn from(node: Node) -> Self {
        let mut fields = Self {
            id: node.id,
            say: None,
            ask: None,
            branch: None,
            tool: None,
            transfer: None,
            mark_success: None,
            end: None,
        };
        match node.step {
            Step::Say(say) => fields.say = Some(say),
            Step::Ask(ask) => fields.ask = Some(ask),
            Step::Branch(branch) => fields.branch = Some(branch),
            Step::Tool(tool) => fields.tool = Some(tool),
            Step::Transfer(transfer) => fields.transfer = Some(transfer),
            Step::MarkSuccess(mark) => fields.mark_success = Some(mark),
            Step::End(end) => fields.end = Some(end),
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_with_two_steps_or_none_is_refused() {
        for node in [
            r#"{"id":"a"}"#,
            r#"{"id":"a","end":{},"say":{"text":"x","next":"a"}}"#,
            r#"{"id":"a","mark_success":{"next":"b"},"tool":{"name":"x","next":"b"}}"#,
        ] {
            let error = serde_json::from_str::<Node>(node).expect_err(node);
            assert!(error.to_string().contains("exactly one of"), "{error}");
        }
    }

    #[test]
    fn every_step_reads_back_the_same() {
        for node in [
            r#"{"id":"a","say":{"text":"Hello","next":"b"}}"#,
            r#"{"id":"a","ask":{"text":"When?","answer":{"kind":"date","lean":"past"},"attempts":2,"next":"b"}}"#,
            r#"{"id":"a","ask":{"text":"Where?","answer":{"kind":"phone"},"attempts":3,"next":"b"}}"#,
            r#"{"id":"a","ask":{"text":"Do you agree?","answer":{"kind":"yes_no"},"attempts":3,"type_ahead":false,"next":"b"}}"#,
            r#"{"id":"a","branch":{"on":"b","cases":[{"at_least":3,"next":"c"}],"otherwise":"d"}}"#,
            r#"{"id":"a","tool":{"name":"book","arguments":{"day":"{{ day }}"},"into":"slot","next":"b","on_error":"c"}}"#,
            r#"{"id":"a","transfer":{"target":"desk","on_declined":"b"}}"#,
            r#"{"id":"a","mark_success":{"next":"b"}}"#,
            r#"{"id":"a","end":{"reason":"completed"}}"#,
        ] {
            let read: Node = serde_json::from_str(node).expect(node);
            assert_eq!(serde_json::to_string(&read).expect("it serialises"), node);
        }
    }
}
