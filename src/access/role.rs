//! What a user may be in an organisation.

use crate::campaign::wire::wire_enum;

wire_enum! {
    /// What a user is in an organisation. What each may do stands beside the scopes of keys.
    pub enum Role is "role" {
        /// Everything in the organisation, users and keys included.
        Admin = "admin",
        /// Campaigns, people and assistants, and live calls.
        Manager = "manager",
        /// Live calls, recordings, contacts.
        Supervisor = "supervisor",
        /// Reads, but hears no recordings.
        Viewer = "viewer",
    }
}
