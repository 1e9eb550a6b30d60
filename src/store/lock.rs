//! Rows that nobody else may change until the end of the transaction.

use super::db::Kind;
use super::{StoreError, Tx};
use crate::args;
use crate::id::{
    AssistantId, CampaignId, CaseId, ContactId, KnowledgeId, ListId, OrgId, ProviderId, RouteId, SuppressionListId,
    TargetId, TrunkGroupId, TrunkId, UserId,
};

/// A row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// An assistant, with which its versions go.
    Assistant(AssistantId),
    /// A campaign, with which its schedule and its trunks go.
    Campaign(CampaignId),
    /// A case.
    Case(CaseId),
    /// A contact.
    Contact(ContactId),
    /// A document.
    Knowledge(KnowledgeId),
    /// A list of contacts or cases.
    List(ListId),
    /// An organisation, with its limits.
    Organisation(OrgId),
    /// A vendor.
    Provider(ProviderId),
    /// A route by the number called.
    Route(RouteId),
    /// A list of numbers that are never called.
    SuppressionList(SuppressionListId),
    /// A contact in a campaign.
    Target(TargetId),
    /// A trunk.
    Trunk(TrunkId),
    /// A group of trunks, with its members.
    TrunkGroup(TrunkGroupId),
    /// A user.
    User(UserId),
}

/// Waits until nobody changes the row, and keeps others from it. On SQLite the writer is alone anyway. A row that does not
/// exist is nobody's to change.
///
/// # Errors
/// When the database fails.
pub async fn lock(tx: &mut Tx, row: Lock) -> Result<(), StoreError> {
    let (sql, args) = match row {
        Lock::Assistant(id) => ("SELECT id FROM assistant WHERE id = $1 FOR UPDATE", args![id]),
        Lock::Campaign(id) => ("SELECT id FROM campaign WHERE id = $1 FOR UPDATE", args![id]),
        Lock::Case(id) => ("SELECT id FROM client_case WHERE id = $1 FOR UPDATE", args![id]),
        Lock::List(id) => ("SELECT id FROM people_list WHERE id = $1 FOR UPDATE", args![id]),
        Lock::Contact(id) => ("SELECT id FROM contact WHERE id = $1 FOR UPDATE", args![id]),
        Lock::Knowledge(id) => ("SELECT id FROM knowledge_source WHERE id = $1 FOR UPDATE", args![id]),
        Lock::Organisation(id) => ("SELECT id FROM org WHERE id = $1 FOR NO KEY UPDATE", args![id]),
        Lock::Provider(id) => ("SELECT id FROM provider WHERE id = $1 FOR UPDATE", args![id]),
        Lock::Route(id) => ("SELECT id FROM prefix_route WHERE id = $1 FOR UPDATE", args![id]),
        Lock::SuppressionList(id) => ("SELECT id FROM suppression_list WHERE id = $1 FOR UPDATE", args![id]),
        Lock::Target(id) => ("SELECT id FROM target WHERE id = $1 FOR UPDATE", args![id]),
        Lock::Trunk(id) => ("SELECT id FROM trunk WHERE id = $1 FOR UPDATE", args![id]),
        Lock::TrunkGroup(id) => ("SELECT id FROM trunk_group WHERE id = $1 FOR UPDATE", args![id]),
        Lock::User(id) => ("SELECT id FROM user_account WHERE id = $1 FOR UPDATE", args![id]),
    };
    match tx.kind() {
        Kind::Sqlite => Ok(()),
        Kind::Postgres => tx.optional(sql, args).await.map(drop),
    }
}
