//! Many rows in one statement.

use super::{Arg, Kind, StoreError, Tx};

/// Rows of one statement: more make it no faster.
const ROWS: usize = 500;
/// Values that one statement takes on both databases.
const VALUES: usize = 30_000;

/// Inserts rows of `width` values each, many per statement, and tells how many were written. `head` ends in `VALUES`, `tail`
/// begins after the last row.
///
/// Values are bound one after another and not by number: SQLite looks numbers up one by one, which with thousands takes longer
/// than the writing. Statements of full size are kept by the connection.
///
/// # Errors
/// As [`Tx::execute`].
pub(in crate::store) async fn insert_many(
    tx: &mut Tx,
    head: &str,
    width: usize,
    values: Vec<Arg>,
    tail: &str,
) -> Result<u64, StoreError> {
    debug_assert!(width > 0 && values.len().is_multiple_of(width), "whole rows");
    let at_once = ROWS.min(VALUES / width).max(1) * width;
    let (kind, mut written, mut values) = (tx.kind(), 0, values);
    while !values.is_empty() {
        let rest = values.split_off(values.len().min(at_once));
        let sql = statement(kind, head, width, values.len() / width, tail);
        let is_full = values.len() == at_once;
        written += tx.execute_many(sql, is_full, values).await?;
        values = rest;
    }
    Ok(written)
}

fn statement(kind: Kind, head: &str, width: usize, rows: usize, tail: &str) -> String {
    let mut sql = String::with_capacity(head.len() + tail.len() + rows * width * 5);
    sql.push_str(head);
    let mut number = 0;
    for row in 0..rows {
        sql.push_str(if row == 0 { " (" } else { ", (" });
        for column in 0..width {
            if column > 0 {
                sql.push_str(", ");
            }
            number += 1;
            match kind {
                Kind::Sqlite => sql.push('?'),
                Kind::Postgres => sql.push_str(&format!("${number}")),
            }
        }
        sql.push(')');
    }
    sql.push(' ');
    sql.push_str(tail);
    sql
}

/// Places for `count` values from `first` on, as a list of an IN.
pub(in crate::store) fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|index| format!("${index}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_gets_its_places() {
        assert_eq!(
            statement(Kind::Sqlite, "INSERT INTO t (a, b) VALUES", 2, 2, ""),
            "INSERT INTO t (a, b) VALUES (?, ?), (?, ?) "
        );
        assert_eq!(
            statement(Kind::Postgres, "INSERT INTO t (a) VALUES", 1, 2, "ON CONFLICT DO NOTHING"),
            "INSERT INTO t (a) VALUES ($1), ($2) ON CONFLICT DO NOTHING"
        );
        assert_eq!(places(2, 3), "$2, $3, $4");
    }
}
