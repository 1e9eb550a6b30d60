//! A dialog as text, to be stored with the leg and read back after a crash.

use crate::endpoint::Flow;

/// What a BYE needs to know of a dialog. Every field prints and reads as text. Bytes of a peer that are not UTF-8
/// are replaced: such a dialog, which no sane peer makes, would answer 481 after recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogSnapshot {
    /// Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// Their tag: tells early dialogs of one INVITE apart. Empty for an RFC 2543 peer.
    pub remote_tag: String,
    /// Our address as in From, without tag.
    pub local_uri: String,
    /// Their address as in To, without tag.
    pub remote_uri: String,
    /// Their Contact.
    pub remote_target: String,
    /// Route values in the order in which they are sent.
    pub route_set: Vec<String>,
    /// CSeq of our latest request.
    pub local_cseq: u32,
    /// CSeq of their latest request, if they sent one.
    pub remote_cseq: Option<u32>,
    /// Where the messages that made it went or came from.
    pub flow: Flow,
}
