//! One import, from its first row to its last.

use std::path::PathBuf;

use tokio::sync::mpsc;

use super::Imports;
use super::fault::FileFault;
use super::sheet::{Facts, Sheet};
use crate::campaign::import::person::Layout;
use crate::campaign::import::{ImportKind, IntoList, Plan, Reading};
use crate::id::ImportId;
use crate::store::audit::Actor;
use crate::store::import::{self, BATCH, Import, Parsed, Written};
use crate::store::org::PhoneKey;
use crate::store::people_list::{self, ListData, ListKind};
use crate::store::{Constraint, Db, StoreError};

/// Pieces that are read ahead of the database.
const AHEAD: usize = 4;

/// Rows in their order, and how many bytes were read up to them.
type Piece = Result<(Vec<Parsed>, u64), FileFault>;

/// Imports one file, as far as nobody else does.
pub(super) async fn run(db: &Db, key: &PhoneKey, imports: &Imports, id: ImportId) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    let taken = import::take(&mut tx, id).await?;
    tx.commit().await?;
    let Some(import) = taken else { return Ok(()) };
    let done = work(db, key, imports, import).await;
    if done.is_err() {
        let mut tx = db.begin().await?;
        import::let_go(&mut tx, id).await?;
        tx.commit().await?;
    }
    done
}

async fn work(db: &Db, key: &PhoneKey, imports: &Imports, import: Import) -> Result<(), StoreError> {
    let id = import.id;
    let Some(import) = with_list(db, import).await? else {
        return finish(db, id, Some("the list that everybody was to come into is gone: import the file again")).await;
    };
    let facts: Facts =
        serde_json::from_value(import.facts.clone()).map_err(|_| StoreError::Corrupt { column: "reading" })?;
    let plan = import.plan.clone().unwrap_or_default();
    let (sender, mut pieces) = mpsc::channel(AHEAD);
    let source = Source { path: imports.path(id), facts, reading: import.reading.clone(), plan, after: import.row };
    let reader = tokio::task::spawn_blocking(move || source.read(&sender));
    let mut fault = None;
    while let Some(piece) = pieces.recv().await {
        let (rows, bytes_read) = match piece {
            Ok(piece) => piece,
            Err(error) => {
                fault = Some(error);
                break;
            }
        };
        let mut rest = rows.as_slice();
        while !rest.is_empty() {
            match write(db, key, &import, rest, bytes_read).await? {
                Written::Rows(count) => rest = &rest[count..],
                Written::Stopped => return Ok(()),
            }
        }
    }
    if let Err(panic) = reader.await {
        tracing::error!(import = %id, %panic, "a file could not be read");
        return finish(db, id, Some("the file cannot be read: save it again, or export it as CSV")).await;
    }
    if let Some(FileFault::Io(error)) = &fault {
        tracing::warn!(import = %id, %error, "the file of an import cannot be read");
    }
    let told = fault.map(|fault| fault.to_string());
    finish(db, id, told.as_deref()).await
}

/// Writes a piece. Who is faster with an id of elsewhere than this node is met once more, as somebody who is there.
async fn write(
    db: &Db,
    key: &PhoneKey,
    import: &Import,
    rows: &[Parsed],
    bytes_read: u64,
) -> Result<Written, StoreError> {
    let mut again = true;
    loop {
        let mut tx = db.begin().await?;
        match import::write(&mut tx, key, import, rows, bytes_read).await {
            Ok(written) => {
                tx.commit().await?;
                return Ok(written);
            }
            Err(StoreError::Conflict(Constraint::ContactExternal | Constraint::CaseExternal)) if again => again = false,
            Err(error) => return Err(error),
        }
    }
}

async fn finish(db: &Db, id: ImportId, error: Option<&str>) -> Result<(), StoreError> {
    let mut tx = db.begin_durable().await?;
    import::finish(&mut tx, id, error).await?;
    tx.commit().await
}

/// The import with the list that everybody comes into, made if it is a new one. Nothing when it is gone.
async fn with_list(db: &Db, import: Import) -> Result<Option<Import>, StoreError> {
    let plan = import.plan.clone().unwrap_or_default();
    let mut tx = db.begin().await?;
    let list = match &plan.list {
        None => None,
        Some(IntoList::Id(list)) => match people_list::get(&mut tx, import.org, *list).await {
            Ok(list) => Some(list.id),
            Err(StoreError::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        },
        Some(IntoList::New(name)) => {
            let kind = if plan.kind == ImportKind::Cases { ListKind::Cases } else { ListKind::Contacts };
            let data = ListData { name: free(&mut tx, &import, name).await?, ..ListData::default() };
            Some(people_list::insert(&mut tx, import.org, &Actor::system("import"), kind, &data).await?.id)
        }
    };
    if let Some(list) = list {
        import::set_list(&mut tx, &import, list).await?;
    }
    tx.commit().await?;
    Ok(Some(Import { list, ..import }))
}

/// A name that no list has: somebody may have taken it since the plan was made.
async fn free(tx: &mut crate::store::Tx, import: &Import, name: &str) -> Result<String, StoreError> {
    if people_list::is_free(tx, import.org, name).await? {
        return Ok(name.to_owned());
    }
    Ok(format!("{name} ({})", import.id))
}

/// What a thread reads.
struct Source {
    path: PathBuf,
    facts: Facts,
    reading: Reading,
    plan: Plan,
    /// Rows up to here have been dealt with.
    after: u64,
}

impl Source {
    fn read(self, sender: &mpsc::Sender<Piece>) {
        if let Err(fault) = self.pieces(sender) {
            // Nobody listens when the import was stopped.
            let _ = sender.blocking_send(Err(fault));
        }
    }

    fn pieces(&self, sender: &mpsc::Sender<Piece>) -> Result<(), FileFault> {
        let mut sheet = Sheet::open(&self.path, &self.facts, &self.reading)?;
        let layout = Layout::new(&self.plan, sheet.columns());
        let mut rows = Vec::with_capacity(BATCH);
        while let Some(row) = sheet.next_row()? {
            if row.number <= self.after {
                continue;
            }
            let said = layout.read(&row);
            rows.push(Parsed { row, said });
            if rows.len() == BATCH {
                let piece = std::mem::replace(&mut rows, Vec::with_capacity(BATCH));
                if sender.blocking_send(Ok((piece, sheet.progress().0))).is_err() {
                    return Ok(());
                }
            }
        }
        let _ = sender.blocking_send(Ok((rows, sheet.progress().0)));
        Ok(())
    }
}
