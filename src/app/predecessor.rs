//! Which node ran on this data folder before: a locked file proves that its process has ended, so that what it left behind
//! can be taken over at once instead of after its lease.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use anyhow::{Context, bail};

use crate::id::NodeId;

/// The file, locked for as long as this process lives.
#[derive(Debug)]
pub(super) struct Mark {
    file: File,
    predecessor: Option<NodeId>,
}

impl Mark {
    /// Locks the file in the data folder and reads who held it before.
    pub(super) fn take(data: &Path) -> anyhow::Result<Self> {
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
        Ok(Self { file, predecessor: text.trim().parse().ok() })
    }

    /// The node of the process before this one; none on a fresh folder.
    pub(super) const fn predecessor(&self) -> Option<NodeId> {
        self.predecessor
    }

    /// Writes down who runs here now.
    pub(super) fn write(&self, node: NodeId) -> anyhow::Result<()> {
        let mut file = &self.file;
        file.rewind()?;
        file.write_all(format!("{node}\n").as_bytes())?;
        file.sync_all().context("cannot note this node in the data folder")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_process_knows_who_was_here_and_two_at_once_are_refused() {
        let folder = std::env::temp_dir().join(format!("callwright-mark-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let first = Mark::take(&folder).expect("free");
        assert_eq!(first.predecessor(), None);
        let node = NodeId::from_u128(7);
        first.write(node).expect("written");
        let second = Mark::take(&folder).expect_err("held").to_string();
        assert!(second.contains("another server runs"), "{second}");
        drop(first);
        assert_eq!(Mark::take(&folder).expect("free again").predecessor(), Some(node));
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
