//! Databases for tests: a SQLite file, or a database in a PostgreSQL cluster that this test binary starts for itself.
//!
//! A test body that takes a [`TestDb`] runs on both with [`on_both!`](crate::on_both).
#![allow(dead_code, reason = "every test binary uses its part of this")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use callwright::store::Db;
use callwright::store::db::Settings;

/// An empty database with the current schema; gone when dropped.
pub(crate) struct TestDb {
    /// The open handle.
    pub(crate) db: Db,
    /// Its address, to open it a second time.
    pub(crate) address: String,
    folder: Option<PathBuf>,
}

impl TestDb {
    /// A SQLite file in a folder of its own.
    pub(crate) async fn sqlite() -> Self {
        let folder = std::env::temp_dir().join(format!("callwright-sqlite-{}-{}", std::process::id(), number()));
        let address = format!("sqlite:{}", folder.join("test.db").display());
        Self { db: open(&address).await, address, folder: Some(folder) }
    }

    /// A database of the binary's own PostgreSQL cluster.
    pub(crate) async fn postgres() -> Self {
        let address = Cluster::shared().create_database();
        Self { db: open(&address).await, address, folder: None }
    }

    /// Closes the handle and opens the database again, as a restarted server does.
    pub(crate) async fn reopen(&mut self) {
        self.db.close(Duration::from_secs(5)).await;
        if let Some(folder) = &self.folder {
            // The lock goes with the last clone of the handle; a handle on another file takes its place meanwhile.
            self.db = open(&format!("sqlite:{}", folder.join("placeholder.db").display())).await;
        }
        self.db = open(&self.address).await;
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // A leftover in the temporary folder is no reason to fail a test.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// Makes two tests from each async function that takes a [`TestDb`]: one on SQLite, one on PostgreSQL.
#[macro_export]
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::db::TestDb::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::db::TestDb::postgres().await).await;
            })*
        }
    };
}

async fn open(address: &str) -> Db {
    Db::open(&Settings::new(address)).await.expect("a fresh database opens")
}

fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A PostgreSQL cluster in a temporary folder, reached through a socket in that folder.
struct Cluster {
    folder: PathBuf,
    binaries: PathBuf,
    /// The shell that guards the cluster. Its input closes when this binary ends, however it ends: the shell then
    /// stops the server and removes the folder.
    _guard: Mutex<Child>,
}

/// Arguments: folder of the cluster, folder of the binaries. PostgreSQL refuses to run as root, so root becomes the
/// user `postgres`. Reads its input to the end, then cleans up.
const GUARD: &str = r#"
set -e
dir=$1; bin=$2; as=
mkdir -p "$dir"; chmod 700 "$dir"
if [ "$(id -u)" = 0 ]; then
    chown postgres "$dir"
    as="setpriv --reuid=postgres --regid=postgres --clear-groups"
fi
cd "$dir"
trap 'rm -rf "$dir"' EXIT
$as "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
$as "$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync=off -c max_connections=300 \
    -c shared_buffers=64MB -c autovacuum=off >>"$dir/log" 2>&1 </dev/null &
server=$!
trap 'kill -QUIT $server; wait $server || true; rm -rf "$dir"' EXIT
trap '' INT TERM HUP
until "$bin/pg_isready" -q -h "$dir" -U postgres; do kill -0 $server || { cat "$dir/log" >&2; exit 1; }; sleep 0.05; done
echo ready
cat >/dev/null
"#;

impl Cluster {
    fn shared() -> &'static Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        CLUSTER.get_or_init(Self::start)
    }

    fn start() -> Self {
        let binaries = binaries();
        let folder = std::env::temp_dir().join(format!("callwright-pg-{}", std::process::id()));
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .args([&folder, &binaries])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let mut line = String::new();
        BufReader::new(guard.stdout.take().expect("piped")).read_line(&mut line).expect("the guard speaks");
        assert_eq!(line, "ready\n", "PostgreSQL did not start; its log is above");
        Self { folder, binaries, _guard: Mutex::new(guard) }
    }

    fn create_database(&self) -> String {
        let name = format!("test_{}", number());
        let made = Command::new(self.binaries.join("createdb"))
            .arg("-h")
            .arg(&self.folder)
            .args(["-U", "postgres", &name])
            .status()
            .expect("createdb starts");
        assert!(made.success(), "createdb {name} failed");
        format!("postgres://postgres@localhost/{name}?host={}", self.folder.display())
    }
}

/// The newest installed PostgreSQL.
fn binaries() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed (make setup)");
    installed
        .map(|entry| entry.expect("readable folder").path().join("bin"))
        .filter(|bin| bin.join("postgres").exists())
        .max()
        .expect("a PostgreSQL server is installed (make setup)")
}
