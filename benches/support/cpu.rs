//! CPU time of this process's threads, from the scheduler's own nanosecond counts.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::Duration;

/// CPU time by thread id of every thread but the main one, which only waits.
pub(crate) struct Clocks(BTreeMap<u32, u64>);

impl Clocks {
    pub(crate) fn read() -> io::Result<Self> {
        let main = std::process::id();
        let mut clocks = BTreeMap::new();
        for entry in fs::read_dir("/proc/self/task")? {
            let entry = entry?;
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // A thread may end between the listing and the reading.
            let Ok(text) = fs::read_to_string(entry.path().join("schedstat")) else { continue };
            let nanos = text.split(' ').next().and_then(|first| first.parse().ok());
            if let Some(nanos) = nanos.filter(|_| id != main) {
                clocks.insert(id, nanos);
            }
        }
        Ok(Self(clocks))
    }

    /// CPU time since an earlier reading.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let used = self.0.iter().map(|(id, now)| now - earlier.0.get(id).copied().unwrap_or(0));
        Duration::from_nanos(used.sum())
    }
}
