//! Values that go into statements and come out of rows, the same on both databases.

use std::str::FromStr;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, Row as _};

use super::StoreError;
use crate::id::{
    ApiKeyId, AssistantId, AssistantVersionId, AttemptId, AuditId, BulkId, CallId, CampaignId, CaseId, CaseLabelId,
    ConsentId, ContactId, ImportId, KnowledgeId, LegId, ListId, MappingId, NodeId, OrgId, PeopleJobId, ProviderId,
    RecordingId, RouteId, RunId, SuppressionId, SuppressionListId, TagId, TargetId, TrunkGroupId, TrunkId, UserId,
    UserSessionId,
};
use crate::pii::Pii;

/// One bound value. A NULL keeps its type, because PostgreSQL wants to know it.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// TEXT: ids, names, wire names of enums, JSON.
    Text(Option<String>),
    /// BIGINT: counts, microseconds.
    Int(Option<i64>),
    /// BOOLEAN.
    Bool(Option<bool>),
    /// DOUBLE PRECISION.
    Real(Option<f64>),
    /// BYTEA.
    Bytes(Option<Vec<u8>>),
}

/// A type that can be bound.
pub trait ToArg {
    /// The value as the database takes it.
    fn to_arg(&self) -> Arg;
}

/// A type that can be read from a column.
pub trait FromColumn: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// When the column is missing, of another type, or holds text the type does not accept.
    fn from_column(row: &Row, column: &'static str) -> Result<Self, StoreError>;
}

/// One row of an answer.
#[derive(Debug)]
pub enum Row {
    /// From SQLite.
    Sqlite(SqliteRow),
    /// From PostgreSQL.
    Postgres(PgRow),
}

impl Row {
    /// The value of a column.
    ///
    /// # Errors
    /// When the column is missing, of another type, or holds text the type does not accept.
    pub fn get<T: FromColumn>(&self, column: &'static str) -> Result<T, StoreError> {
        T::from_column(self, column)
    }
}

/// Builds the list of bound values of a statement.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::store::db::ToArg::to_arg(&$value)),*]
    };
}

pub(super) fn sqlite_arguments(args: Vec<Arg>) -> Result<SqliteArguments, StoreError> {
    let mut bound = SqliteArguments::default();
    for arg in args {
        match arg {
            Arg::Text(value) => bound.add(value),
            Arg::Int(value) => bound.add(value),
            Arg::Bool(value) => bound.add(value),
            Arg::Real(value) => bound.add(value),
            Arg::Bytes(value) => bound.add(value),
        }
        .map_err(|error| StoreError::Db(sqlx::Error::Encode(error)))?;
    }
    Ok(bound)
}

pub(super) fn postgres_arguments(args: Vec<Arg>) -> Result<PgArguments, StoreError> {
    let mut bound = PgArguments::default();
    for arg in args {
        match arg {
            Arg::Text(value) => bound.add(value),
            Arg::Int(value) => bound.add(value),
            Arg::Bool(value) => bound.add(value),
            Arg::Real(value) => bound.add(value),
            Arg::Bytes(value) => bound.add(value),
        }
        .map_err(|error| StoreError::Db(sqlx::Error::Encode(error)))?;
    }
    Ok(bound)
}

macro_rules! native {
    ($($ty:ty => $variant:ident;)*) => {$(
        impl ToArg for $ty {
            fn to_arg(&self) -> Arg {
                Arg::$variant(Some(self.clone()))
            }
        }

        impl ToArg for Option<$ty> {
            fn to_arg(&self) -> Arg {
                Arg::$variant(self.clone())
            }
        }

        impl FromColumn for $ty {
            fn from_column(row: &Row, column: &'static str) -> Result<Self, StoreError> {
                Ok(match row {
                    Row::Sqlite(row) => row.try_get(column)?,
                    Row::Postgres(row) => row.try_get(column)?,
                })
            }
        }

        impl FromColumn for Option<$ty> {
            fn from_column(row: &Row, column: &'static str) -> Result<Self, StoreError> {
                Ok(match row {
                    Row::Sqlite(row) => row.try_get(column)?,
                    Row::Postgres(row) => row.try_get(column)?,
                })
            }
        }
    )*};
}

native! {
    String => Text;
    i64 => Int;
    bool => Bool;
    f64 => Real;
    Vec<u8> => Bytes;
}

macro_rules! narrow {
    ($($ty:ty),*) => {$(
        impl ToArg for $ty {
            fn to_arg(&self) -> Arg {
                Arg::Int(Some(i64::from(*self)))
            }
        }

        impl ToArg for Option<$ty> {
            fn to_arg(&self) -> Arg {
                Arg::Int(self.map(i64::from))
            }
        }

        impl FromColumn for $ty {
            fn from_column(row: &Row, column: &'static str) -> Result<Self, StoreError> {
                let wide: i64 = row.get(column)?;
                wide.try_into().map_err(|_| StoreError::Corrupt { column })
            }
        }

        impl FromColumn for Option<$ty> {
            fn from_column(row: &Row, column: &'static str) -> Result<Self, StoreError> {
                let wide: Option<i64> = row.get(column)?;
                wide.map(TryInto::try_into).transpose().map_err(|_| StoreError::Corrupt { column })
            }
        }
    )*};
}

narrow!(u8, u16, u32, i32);

/// Reads a column through `FromStr`.
pub(in crate::store) fn parsed<T: FromStr>(row: &Row, column: &'static str) -> Result<T, StoreError> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| StoreError::Corrupt { column })
}

/// Reads a column that may be NULL through `FromStr`.
pub(in crate::store) fn parsed_option<T: FromStr>(row: &Row, column: &'static str) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| text.parse()).transpose().map_err(|_| StoreError::Corrupt { column })
}

/// Types that are text in the database: written by `Display`, read by `FromStr`.
macro_rules! text_columns {
    ($($ty:ty),* $(,)?) => {$(
        impl $crate::store::db::ToArg for $ty {
            fn to_arg(&self) -> $crate::store::db::Arg {
                $crate::store::db::Arg::Text(Some(self.to_string()))
            }
        }

        impl $crate::store::db::ToArg for Option<$ty> {
            fn to_arg(&self) -> $crate::store::db::Arg {
                $crate::store::db::Arg::Text(self.as_ref().map(ToString::to_string))
            }
        }

        impl $crate::store::db::FromColumn for $ty {
            fn from_column(
                row: &$crate::store::db::Row,
                column: &'static str,
            ) -> Result<Self, $crate::store::db::StoreError> {
                $crate::store::db::value::parsed(row, column)
            }
        }

        impl $crate::store::db::FromColumn for Option<$ty> {
            fn from_column(
                row: &$crate::store::db::Row,
                column: &'static str,
            ) -> Result<Self, $crate::store::db::StoreError> {
                $crate::store::db::value::parsed_option(row, column)
            }
        }
    )*};
}
pub(in crate::store) use text_columns;

text_columns!(
    ApiKeyId,
    AssistantId,
    AssistantVersionId,
    AttemptId,
    AuditId,
    BulkId,
    KnowledgeId,
    CallId,
    CampaignId,
    CaseId,
    CaseLabelId,
    ConsentId,
    ContactId,
    ImportId,
    LegId,
    ListId,
    MappingId,
    NodeId,
    OrgId,
    PeopleJobId,
    ProviderId,
    RecordingId,
    RouteId,
    RunId,
    SuppressionId,
    SuppressionListId,
    TagId,
    TargetId,
    TrunkGroupId,
    TrunkId,
    UserId,
    UserSessionId,
    jiff::civil::Date,
);

impl ToArg for str {
    fn to_arg(&self) -> Arg {
        Arg::Text(Some(self.to_owned()))
    }
}

impl ToArg for Option<&str> {
    fn to_arg(&self) -> Arg {
        Arg::Text(self.map(ToOwned::to_owned))
    }
}

impl<T: ToArg + ?Sized> ToArg for &T {
    fn to_arg(&self) -> Arg {
        (**self).to_arg()
    }
}

impl<T: ToArg> ToArg for Pii<T> {
    fn to_arg(&self) -> Arg {
        self.expose().to_arg()
    }
}

impl<T: FromColumn> FromColumn for Pii<T> {
    fn from_column(row: &Row, column: &'static str) -> Result<Self, StoreError> {
        row.get(column).map(Self::new)
    }
}

impl<T> FromColumn for Option<Pii<T>>
where
    Option<T>: FromColumn,
{
    fn from_column(row: &Row, column: &'static str) -> Result<Self, StoreError> {
        Ok(row.get::<Option<T>>(column)?.map(Pii::new))
    }
}

impl ToArg for serde_json::Value {
    fn to_arg(&self) -> Arg {
        Arg::Text(Some(self.to_string()))
    }
}

impl ToArg for Option<serde_json::Value> {
    fn to_arg(&self) -> Arg {
        Arg::Text(self.as_ref().map(ToString::to_string))
    }
}

impl FromColumn for serde_json::Value {
    fn from_column(row: &Row, column: &'static str) -> Result<Self, StoreError> {
        parsed(row, column)
    }
}

impl FromColumn for Option<serde_json::Value> {
    fn from_column(row: &Row, column: &'static str) -> Result<Self, StoreError> {
        parsed_option(row, column)
    }
}

impl ToArg for jiff::Timestamp {
    fn to_arg(&self) -> Arg {
        Arg::Int(Some(self.as_microsecond()))
    }
}

impl ToArg for Option<jiff::Timestamp> {
    fn to_arg(&self) -> Arg {
        Arg::Int(self.map(jiff::Timestamp::as_microsecond))
    }
}

impl FromColumn for jiff::Timestamp {
    fn from_column(row: &Row, column: &'static str) -> Result<Self, StoreError> {
        Self::from_microsecond(row.get(column)?).map_err(|_| StoreError::Corrupt { column })
    }
}

impl FromColumn for Option<jiff::Timestamp> {
    fn from_column(row: &Row, column: &'static str) -> Result<Self, StoreError> {
        let micros: Option<i64> = row.get(column)?;
        micros.map(jiff::Timestamp::from_microsecond).transpose().map_err(|_| StoreError::Corrupt { column })
    }
}
