//! Why a file cannot be read as a table.

use std::io;

use crate::campaign::import::MAX_COLUMNS;

/// Why a file cannot be read as a table. All but [`FileFault::Io`] is up to whoever made the file.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// Our disk fails.
    #[error("the file cannot be read here")]
    Io(#[source] io::Error),
    /// It holds nothing.
    #[error("the file has no row: save it again and look that the first sheet is the right one")]
    Empty,
    /// It was cut off or changed.
    #[error("the file is damaged ({0}): save it again, or export it as CSV")]
    Damaged(&'static str),
    /// A part of it becomes larger than is taken.
    #[error("{0} of the file is larger than {1} MiB when unpacked: export it as CSV, which may be of any length")]
    Unpacks(&'static str, u64),
    /// It has more different texts than are taken.
    #[error("the workbook has more than {0} different texts: export it as CSV, which may be of any length")]
    Texts(u64),
    /// A text in it is longer than is taken.
    #[error("the file holds a text of more than {0} MiB without an end: save it again, or export it as CSV")]
    LongText(usize),
    /// It is an old Excel file, or a locked one.
    #[error("the file is locked with a password or of an old Excel (.xls): save it without one as .xlsx, or as CSV")]
    OldOrLocked,
    /// It is something else.
    #[error("the file is no table but {0}: export it as CSV, .xlsx or .ods")]
    NoTable(&'static str),
    /// It has no such sheet.
    #[error("the file has no sheet '{0}': it has {1}")]
    NoSheet(String, String),
    /// It has more columns than are taken.
    #[error("the first row has more than {MAX_COLUMNS} columns: leave out those that are not needed")]
    TooManyColumns,
    /// Its first row cannot be read.
    #[error("the first row cannot be read: {0}")]
    Heading(String),
}

impl FileFault {
    /// Its stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "unreadable",
            Self::Empty => "empty",
            Self::Damaged(_) => "damaged",
            Self::Unpacks(..) | Self::Texts(_) | Self::LongText(_) => "too_large",
            Self::OldOrLocked => "old_or_locked",
            Self::NoTable(_) => "no_table",
            Self::NoSheet(..) => "unknown_sheet",
            Self::TooManyColumns => "too_many_columns",
            Self::Heading(_) => "no_heading",
        }
    }
}

/// A limit that was met while reading, on its way through libraries that know errors of input and output only.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a limit was met")]
pub(super) enum Met {
    Unpacked(&'static str, u64),
    LongText(usize),
}

impl Met {
    pub(super) fn into_io(self) -> io::Error {
        io::Error::other(self)
    }
}

impl From<&io::Error> for FileFault {
    fn from(error: &io::Error) -> Self {
        if let Some(met) = error.get_ref().and_then(|inner| inner.downcast_ref::<Met>()) {
            return match *met {
                Met::Unpacked(part, mib) => Self::Unpacks(part, mib),
                Met::LongText(mib) => Self::LongText(mib),
            };
        }
        if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) {
            return Self::Damaged("a part of it cannot be unpacked");
        }
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::Damaged("its end is missing");
        }
        Self::Io(io::Error::new(error.kind(), error.to_string()))
    }
}

impl From<io::Error> for FileFault {
    fn from(error: io::Error) -> Self {
        Self::from(&error)
    }
}
