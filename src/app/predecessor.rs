//! Which nodes ran on this data folder before: a locked file proves that their processes have ended, so that what they
//! left behind can be taken over at once instead of after their leases.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use anyhow::{Context, bail};

use crate::id::NodeId;

/// Predecessors that are kept; of older ones the leases have run out.
const MOST: usize = 256;

/// The file, locked for as long as this process lives. It names this node before the database does, and the nodes before
/// it until this one has taken over from them: a process that dies on the way there leaves all of them to the next one.
#[derive(Debug)]
pub(super) struct Mark {
    file: File,
    node: NodeId,
    predecessors: Vec<NodeId>,
}

impl Mark {
    /// Locks the file in the data folder, reads who ran here before and adds `node`.
    pub(super) fn take(data: &Path, node: NodeId) -> anyhow::Result<Self> {
        let path = data.join("node");
        let opened = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let mut file = opened.with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("another server runs on the data folder {}", data.display()),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(|| format!("cannot read {}", path.display()))?;
        let mut predecessors: Vec<_> = text.lines().filter_map(|line| line.trim().parse().ok()).collect();
        predecessors.drain(..predecessors.len().saturating_sub(MOST));
        let mark = Self { file, node, predecessors };
        let everybody: Vec<_> = mark.predecessors.iter().copied().chain([node]).collect();
        mark.write(&everybody)?;
        Ok(mark)
    }

    /// The nodes of the processes before this one from which nobody has taken over; none on a fresh folder.
    pub(super) fn predecessors(&self) -> &[NodeId] {
        &self.predecessors
    }

    /// Says that this node has taken over from all of them.
    pub(super) fn forget_predecessors(&self) -> anyhow::Result<()> {
        self.write(&[self.node])
    }

    /// A line for each. They are equally long: cut off in the middle, the file still names those that matter.
    fn write(&self, nodes: &[NodeId]) -> anyhow::Result<()> {
        let text: String = nodes.iter().map(|node| format!("{node}\n")).collect();
        let mut file = &self.file;
        file.rewind()
            .and_then(|()| file.write_all(text.as_bytes()))
            .and_then(|()| file.set_len(text.len() as u64))
            .and_then(|()| file.sync_all())
            .context("cannot note this node in the data folder")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_process_knows_who_was_here_and_two_at_once_are_refused() {
        let folder = std::env::temp_dir().join(format!("callwright-mark-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let [first, second, third] = [7, 8, 9].map(NodeId::from_u128);
        let take = |node| Mark::take(&folder, node);
        let mark = take(first).expect("free");
        assert_eq!(mark.predecessors(), []);
        let refused = take(second).expect_err("held").to_string();
        assert!(refused.contains("another server runs"), "{refused}");
        drop(mark);
        // The second dies before it has taken over from the first.
        assert_eq!(take(second).expect("free again").predecessors(), [first]);
        let mark = take(third).expect("free again");
        assert_eq!(mark.predecessors(), [first, second]);
        mark.forget_predecessors().expect("written");
        drop(mark);
        assert_eq!(take(first).expect("free again").predecessors(), [third]);
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
