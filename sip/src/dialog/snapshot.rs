//! A dialog as text, to be stored with the leg and read back after a crash.

use super::Dialog;
use crate::endpoint::{CommandError, Flow};
use crate::message::Uri;
use crate::message::header::{CallId, NameAddr, Tag};

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

impl DialogSnapshot {
    pub(super) fn of(dialog: &Dialog, local_cseq: u32) -> Self {
        let address = |address: &NameAddr| {
            let mut out = Vec::new();
            address.print(&mut out);
            text(&out)
        };
        let mut remote_target = Vec::new();
        dialog.remote_target.print(&mut remote_target);
        Self {
            call_id: dialog.call_id.to_string(),
            local_tag: dialog.local_tag.to_string(),
            remote_tag: dialog.remote_tag.to_string(),
            local_uri: address(&dialog.local),
            remote_uri: address(&dialog.remote),
            remote_target: text(&remote_target),
            route_set: dialog.route_set.iter().map(|route| text(route)).collect(),
            local_cseq,
            remote_cseq: dialog.remote_cseq,
            flow: dialog.flow,
        }
    }

    /// Reads the stored text back.
    ///
    /// # Errors
    /// [`CommandError::BadSnapshot`] names the field that cannot be read.
    pub(crate) fn restore(&self) -> Result<Dialog, CommandError> {
        let address = |field: &'static str, text: &str| {
            NameAddr::parse(text.as_bytes()).map_err(|_| CommandError::BadSnapshot(field))
        };
        if self.call_id.is_empty() || self.local_tag.is_empty() {
            return Err(CommandError::BadSnapshot("call_id or local_tag"));
        }
        Ok(Dialog {
            call_id: CallId::from_bytes(&self.call_id),
            local_tag: Tag::from_bytes(&self.local_tag),
            remote_tag: Tag::from_bytes(&self.remote_tag),
            local: address("local_uri", &self.local_uri)?,
            remote: address("remote_uri", &self.remote_uri)?,
            remote_target: Uri::parse(self.remote_target.as_bytes())
                .map_err(|_| CommandError::BadSnapshot("remote_target"))?,
            route_set: self.route_set.iter().map(|route| route.clone().into_bytes()).collect(),
            remote_cseq: self.remote_cseq,
            flow: self.flow,
            allows_update: false,
        })
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
