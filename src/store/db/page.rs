//! Reading a table page by page along its ids.

use std::fmt::Write as _;

use super::{Arg, Row, StoreError, ToArg, Tx};

/// Which page. Ids are UUIDv7, so their order is the order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<I> {
    /// The last id of the page before; `None` for the first page.
    pub after: Option<I>,
    /// Rows on a page, 1 to [`Page::MAX_LIMIT`]; more is cut.
    pub limit: u32,
    /// Newest rows first, else oldest.
    pub newest_first: bool,
}

impl<I> Page<I> {
    /// The longest page.
    pub const MAX_LIMIT: u32 = 1000;

    /// The first page of `limit` rows, oldest first.
    pub const fn first(limit: u32) -> Self {
        Self { after: None, limit, newest_first: false }
    }
}

/// One page of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing<T, I> {
    /// The rows.
    pub items: Vec<T>,
    /// Pass as `after` for the next page; `None` when this is the last.
    pub next: Option<I>,
}

impl Tx {
    /// One page of `select`, which ends in a WHERE clause over `args` and whose rows have a column `id_column`.
    pub(in crate::store) async fn page<T, I>(
        &mut self,
        select: &str,
        mut args: Vec<Arg>,
        id_column: &str,
        page: Page<I>,
        read: impl Fn(&Row) -> Result<T, StoreError>,
        id_of: impl Fn(&T) -> I,
    ) -> Result<Listing<T, I>, StoreError>
    where
        I: ToArg,
    {
        let limit = page.limit.clamp(1, Page::<I>::MAX_LIMIT);
        let (compare, order) = if page.newest_first { ("<", "DESC") } else { (">", "ASC") };
        let mut sql = select.to_owned();
        if let Some(after) = &page.after {
            args.push(after.to_arg());
            write!(sql, " AND {id_column} {compare} ${}", args.len()).expect("a string takes everything");
        }
        // One row more than asked for tells whether there is a next page.
        args.push(Arg::Int(Some(i64::from(limit) + 1)));
        write!(sql, " ORDER BY {id_column} {order} LIMIT ${}", args.len()).expect("a string takes everything");
        let rows = self.all_built(sql, args).await?;
        let more = rows.len() > limit as usize;
        let items = rows.iter().take(limit as usize).map(read).collect::<Result<Vec<_>, _>>()?;
        let next = if more { items.last().map(id_of) } else { None };
        Ok(Listing { items, next })
    }
}
