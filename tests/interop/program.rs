//! Programs of others: each runs from a folder of its own on ports that were free, and is gone when the test is over.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::office::PATIENCE;

/// A program that runs in the background.
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    folder: TempDir,
}

impl Program {
    /// Starts a program in `folder`. It ends by itself after some minutes, even where nobody is left to end it.
    pub(crate) fn start(name: &'static str, folder: TempDir, arguments: &[&str]) -> Self {
        let log = std::fs::File::create(folder.path().join("log")).expect("the folder is ours");
        let child = Command::new("timeout")
            .args(["--kill-after=2", "120", name])
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .expect("timeout is part of every system");
        Self { name, child, folder }
    }

    /// Where it keeps its files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has said.
    pub(crate) fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until it has said this.
    pub(crate) async fn says(&mut self, what: &str) {
        self.is_so(what, |program| program.log().contains(what)).await;
    }

    /// Waits until something holds.
    pub(crate) async fn is_so(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !holds(self) {
            let status = self.child.try_wait().expect("a child of ours");
            assert!(status.is_none(), "{} has ended ({status:?}): is it installed? make setup", self.name);
            assert!(tokio::time::Instant::now() < deadline, "{}: {what}", self.name);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Program {
    #[expect(clippy::print_stderr, reason = "what it said explains why a test failed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- {} ----\n{}---- end of {} ----", self.name, self.log(), self.name);
        }
        // `timeout` passes it on, and two seconds later kills all that is left.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// The first of so many ports in a row that nobody has, on both loopback addresses and for both protocols. No two tests of
/// this process get the same ones.
pub(crate) fn free_ports(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(10_000);
    let is_free = |port: u16| {
        let (four, six) = ((Ipv4Addr::LOCALHOST, port), (Ipv6Addr::LOCALHOST, port));
        UdpSocket::bind(four).and(UdpSocket::bind(six)).is_ok()
            && TcpListener::bind(four).and(TcpListener::bind(six)).is_ok()
    };
    loop {
        let first = NEXT.fetch_add(count, Ordering::Relaxed);
        assert!(first < 13_500, "no ports are left");
        if (first..first + count).all(is_free) {
            return first;
        }
    }
}
