//! Lists of what fits a wish, in an order, page by page.

mod wishes;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::db::{Arg, Kind, Listing, Row, ToArg};
use super::{StoreError, Tx};

pub use wishes::{AgendaFilter, AttemptFilter, CallFilter, CampaignFilter, CaseFilter, ContactFilter, TargetFilter};

/// One of these; in a query `a,b`, in JSON a list. Nothing when there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct OneOf<T>(Vec<T>);

impl<T> Default for OneOf<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> OneOf<T> {
    /// One of these.
    #[must_use]
    pub const fn new(values: Vec<T>) -> Self {
        Self(values)
    }

    /// What will do; anything, when there is nothing.
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.0
    }

    /// Whether anything will do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for OneOf<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values<T>(std::marker::PhantomData<T>);

        impl<'de, T: FromStr<Err: fmt::Display>> Visitor<'de> for Values<T> {
            type Value = OneOf<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names, separated by commas or as a list")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OneOf<T>, E> {
                let parse = |name: &str| name.parse().map_err(|error| E::custom(format!("`{name}` is {error}")));
                text.split(',').filter(|name| !name.is_empty()).map(parse).collect::<Result<_, _>>().map(OneOf)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<OneOf<T>, A::Error> {
                let mut values = Vec::new();
                while let Some(name) = names.next_element::<String>()? {
                    let parsed = name.parse().map_err(|error| A::Error::custom(format!("`{name}` is {error}")));
                    values.push(parsed?);
                }
                Ok(OneOf(values))
            }
        }

        deserializer.deserialize_any(Values(std::marker::PhantomData))
    }
}

/// A variable of a contact and the value it has to have: `name:value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    name: String,
    value: String,
}

/// The text has no colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `name:value`")]
pub struct NoVariable;

impl FromStr for Variable {
    type Err = NoVariable;

    fn from_str(text: &str) -> Result<Self, NoVariable> {
        let (name, value) = text.split_once(':').ok_or(NoVariable)?;
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.value)
    }
}

impl Serialize for Variable {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Variable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// What a list is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// An expression that is never NULL; nothing for the order in which rows were made.
    by: Option<&'static str>,
    descending: bool,
}

impl Order {
    /// The order in which rows were made.
    pub const MADE: Self = Self { by: None, descending: false };
}

/// What a list can be ordered by: names, each with its expression.
pub type Orders = &'static [(&'static str, Option<&'static str>)];

/// The order of a name, `-name` for the other way round.
///
/// # Errors
/// The names there are.
pub fn order(text: &str, orders: Orders) -> Result<Order, String> {
    let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    match orders.iter().find(|(known, _)| *known == name) {
        Some((_, by)) => Ok(Order { by: *by, descending }),
        None => Err(orders.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")),
    }
}

/// The last row of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    id: String,
    key: Option<Key>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Number(i64),
    Text(String),
}

/// The text is not the `next` of a page in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be `next` of the page before, in the same order")]
pub struct NoCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        match &self.key {
            None => Ok(()),
            Some(Key::Number(number)) => write!(f, ".n{number}"),
            Some(Key::Text(text)) => {
                f.write_str(".t")?;
                text.bytes().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let (id, key) = match text.split_once('.') {
            None => (text, None),
            Some((id, key)) => (id, Some(key)),
        };
        let id = id.parse::<uuid::Uuid>().map_err(|_| NoCursor)?.to_string();
        let key = match key.map(|key| (key.get(..1), key.get(1..).unwrap_or_default())) {
            None => None,
            Some((Some("n"), number)) => Some(Key::Number(number.parse().map_err(|_| NoCursor)?)),
            Some((Some("t"), digits)) => Some(Key::Text(unhex(digits).ok_or(NoCursor)?)),
            Some((Some(_) | None, _)) => return Err(NoCursor),
        };
        Ok(Self { id, key })
    }
}

fn unhex(digits: &str) -> Option<String> {
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let bytes = (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16));
    String::from_utf8(bytes.collect::<Result<_, _>>().ok()?).ok()
}

/// Which page of a list, in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    limit: u32,
    after: Option<Cursor>,
    order: Order,
}

impl Sheet {
    /// A page of at most `limit` rows.
    ///
    /// # Errors
    /// [`NoCursor`] when `after` is of a list in another order.
    pub fn new(limit: u32, after: Option<Cursor>, order: Order) -> Result<Self, NoCursor> {
        match &after {
            Some(cursor) if cursor.key.is_some() != order.by.is_some() => Err(NoCursor),
            Some(_) | None => Ok(Self { limit, after, order }),
        }
    }

    /// The expression it is ordered by; none for the order in which rows were made.
    pub(super) const fn by(&self) -> Option<&'static str> {
        self.order.by
    }

    /// The same page of what has been cut to it already.
    pub(super) fn whole(&self) -> Self {
        Self { after: None, ..self.clone() }
    }
}

/// Where the ranges of a page begin and end.
pub(super) struct Cut {
    /// What follows the conditions of each range.
    pub(super) text: String,
    /// ASC or DESC.
    pub(super) way: &'static str,
    /// The place of the number of rows.
    pub(super) limit: String,
}

/// A query that is built of wishes. Nothing from outside gets into its text: values are bound.
#[derive(Debug)]
pub(super) struct Clause {
    kind: Kind,
    sql: String,
    args: Vec<Arg>,
}

impl Clause {
    /// Begins with this; `sql` ends in a WHERE clause over `args`.
    pub(super) fn new(tx: &Tx, sql: impl Into<String>, args: Vec<Arg>) -> Self {
        Self { kind: tx.kind(), sql: sql.into(), args }
    }

    /// A place for a value.
    pub(super) fn bind(&mut self, value: &impl ToArg) -> String {
        self.args.push(value.to_arg());
        format!("${}", self.args.len())
    }

    /// A place for a value that is bound already.
    pub(super) fn bind_arg(&mut self, value: Arg) -> String {
        self.args.push(value);
        format!("${}", self.args.len())
    }

    /// And this holds.
    pub(super) fn and(&mut self, condition: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
    }

    /// The column is this, if anything is wished.
    pub(super) fn is(&mut self, column: &str, value: Option<&impl ToArg>) {
        if let Some(value) = value {
            let place = self.bind(value);
            self.and(&format!("{column} = {place}"));
        }
    }

    /// The column is one of these, if there are any.
    pub(super) fn one_of<T: ToArg>(&mut self, column: &str, values: &OneOf<T>) {
        if !values.is_empty() {
            let places: Vec<_> = values.0.iter().map(|value| self.bind(value)).collect();
            self.and(&format!("{column} IN ({})", places.join(", ")));
        }
    }

    /// The time lies from the first on and before the second.
    pub(super) fn within(&mut self, column: &str, from: Option<Timestamp>, before: Option<Timestamp>) {
        for (compare, bound) in [(">=", from), ("<", before)] {
            if let Some(bound) = bound {
                let place = self.bind(&bound);
                self.and(&format!("{column} {compare} {place}"));
            }
        }
    }

    /// The number lies from the first to the second.
    pub(super) fn between(&mut self, column: &str, from: Option<i64>, to: Option<i64>) {
        for (compare, bound) in [(">=", from), ("<=", to)] {
            if let Some(bound) = bound {
                let place = self.bind(&bound);
                self.and(&format!("{column} {compare} {place}"));
            }
        }
    }

    /// Whether the column is there.
    pub(super) fn is_there(&mut self, column: &str, wished: Option<bool>) {
        if let Some(wished) = wished {
            self.and(&format!("{column} IS {}NULL", if wished { "NOT " } else { "" }));
        }
    }

    /// The column has these words somewhere; it is in lower case.
    pub(super) fn contains(&mut self, column: &str, words: Option<&str>) {
        if let Some(words) = words {
            let place = self.bind(&containing(words));
            self.and(&format!("{column} LIKE {place} ESCAPE '!'"));
        }
    }

    /// The column of variables has this one.
    pub(super) fn variable(&mut self, column: &str, variable: Option<&Variable>) {
        if let Some(Variable { name, value }) = variable {
            let (name, value) = (self.bind(name), self.bind(value));
            self.and(&match self.kind {
                Kind::Sqlite => {
                    format!(
                        "EXISTS (SELECT 1 FROM json_each({column}) AS v WHERE v.key = {name} AND v.value = {value})"
                    )
                }
                Kind::Postgres => format!("{column}::json ->> {name} = {value}"),
            });
        }
    }

    /// What cuts each range of a page to its beginning.
    pub(super) fn cut(&mut self, id_column: &str, sheet: &Sheet) -> Cut {
        let way = if sheet.order.descending { "DESC" } else { "ASC" };
        let mut text = self.beyond(id_column, sheet).map(|beyond| format!(" AND {beyond}")).unwrap_or_default();
        let limit = self.bind(&(i64::from(sheet.limit.clamp(1, 1000)) + 1));
        let by = sheet.order.by.map(|by| format!("{by} {way}, ")).unwrap_or_default();
        text.push_str(&format!(" ORDER BY {by}{id_column} {way} LIMIT {limit}"));
        Cut { text, way, limit }
    }

    /// What holds behind the last row of the page before.
    fn beyond(&mut self, id_column: &str, sheet: &Sheet) -> Option<String> {
        let compare = if sheet.order.descending { "<" } else { ">" };
        let cursor = sheet.after.as_ref()?;
        let id = self.bind(&cursor.id);
        Some(match (sheet.order.by, &cursor.key) {
            (Some(by), Some(key)) => {
                let key = match key {
                    Key::Number(number) => self.bind(number),
                    Key::Text(text) => self.bind(text),
                };
                format!("({by}, {id_column}) {compare} ({key}, {id})")
            }
            (Some(_) | None, _) => format!("{id_column} {compare} {id}"),
        })
    }

    /// What it says so far.
    pub(super) fn text(&self) -> &str {
        &self.sql
    }

    /// Its values.
    pub(super) fn into_args(self) -> Vec<Arg> {
        self.args
    }

    /// Its text and its values, for so many rows at most, whichever.
    pub(super) fn take_first(mut self, limit: u64) -> (String, Vec<Arg>) {
        let limit = self.bind(&i64::try_from(limit).unwrap_or(i64::MAX));
        (format!("{} LIMIT {limit}", self.sql), self.args)
    }

    /// The rows, at most `limit`, in the order of `id_column` after `after` and not beyond `until`.
    pub(super) async fn batch(
        mut self,
        tx: &mut Tx,
        id_column: &str,
        after: &str,
        until: &str,
        limit: i64,
    ) -> Result<Vec<Row>, StoreError> {
        let (after, until) = (self.bind(&after.to_owned()), self.bind(&until.to_owned()));
        let limit = self.bind(&limit);
        self.and(&format!("{id_column} > {after} AND {id_column} <= {until} ORDER BY {id_column} LIMIT {limit}"));
        tx.all_built(self.sql, self.args).await
    }

    /// How many rows there are; the query selects one column `value`.
    pub(super) async fn count(self, tx: &mut Tx) -> Result<u64, StoreError> {
        let rows = tx.all_built(self.sql, self.args).await?;
        Ok(rows.first().ok_or(StoreError::NotFound)?.get::<i64>("value")?.unsigned_abs())
    }

    /// How many rows there are, counted up to `most` in the order of `id_column`, and the last that was counted.
    pub(super) async fn count_to(
        mut self,
        tx: &mut Tx,
        id_column: &str,
        most: i64,
    ) -> Result<(i64, Option<String>), StoreError> {
        let limit = self.bind(&most);
        let sql = format!(
            "SELECT COUNT(*) AS value, MAX(id) AS last FROM ({} ORDER BY {id_column} LIMIT {limit}) AS found",
            self.sql
        );
        let rows = tx.all_built(sql, self.args).await?;
        let row = rows.first().ok_or(StoreError::NotFound)?;
        Ok((row.get("value")?, row.get("last")?))
    }

    /// The first rows in an order of columns.
    pub(super) async fn first<T>(
        mut self,
        tx: &mut Tx,
        order: &'static str,
        limit: i64,
        read: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let limit = self.bind(&limit);
        self.sql.push_str(&format!(" ORDER BY {order} LIMIT {limit}"));
        tx.all_built(self.sql, self.args).await?.iter().map(read).collect()
    }

    /// One page. The rows have a column `id_column`; what they are ordered by is put beside it.
    pub(super) async fn page<T>(
        mut self,
        tx: &mut Tx,
        id_column: &str,
        sheet: &Sheet,
        read: impl Fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Listing<T, Cursor>, StoreError> {
        let way = if sheet.order.descending { "DESC" } else { "ASC" };
        if let Some(beyond) = self.beyond(id_column, sheet) {
            self.and(&beyond);
        }
        let mut sql = match sheet.order.by {
            Some(by) => self.sql.replacen("SELECT ", &format!("SELECT {by} AS sort_key, {id_column} AS sort_id, "), 1),
            None => self.sql.replacen("SELECT ", &format!("SELECT {id_column} AS sort_id, "), 1),
        };
        let limit = i64::from(sheet.limit.clamp(1, 1000));
        // One row more than asked for tells whether there is a next page.
        self.args.push((limit + 1).to_arg());
        let by = sheet.order.by.map(|by| format!("{by} {way}, ")).unwrap_or_default();
        sql.push_str(&format!(" ORDER BY {by}{id_column} {way} LIMIT ${}", self.args.len()));
        let rows = tx.all_built(sql, self.args).await?;
        let shown = &rows[..rows.len().min(usize::try_from(limit).unwrap_or(usize::MAX))];
        let cursor = |row: &Row| {
            let key = sheet.order.by.map(|_| key_of(row)).transpose()?;
            Ok::<_, StoreError>(Cursor { id: row.get("sort_id")?, key })
        };
        let next = if rows.len() > shown.len() { shown.last().map(cursor).transpose()? } else { None };
        Ok(Listing { items: shown.iter().map(read).collect::<Result<_, _>>()?, next })
    }
}

/// What a row is ordered by: numbers and texts are told apart by what the column is.
fn key_of(row: &Row) -> Result<Key, StoreError> {
    match row.get::<i64>("sort_key") {
        Ok(number) => Ok(Key::Number(number)),
        Err(_) => Ok(Key::Text(row.get("sort_key")?)),
    }
}

/// A LIKE pattern for `words` anywhere; `!` escapes.
pub(super) fn containing(words: &str) -> String {
    let mut pattern = "%".to_owned();
    for letter in words.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::states::TargetState;

    #[test]
    fn names_come_in_a_line_or_in_a_list() {
        let failed = OneOf::new(vec![TargetState::Failed, TargetState::Blocked]);
        for text in [r#""failed,blocked""#, r#"["failed","blocked"]"#] {
            assert_eq!(serde_json::from_str::<OneOf<TargetState>>(text).expect("names"), failed, "{text}");
        }
        let wrong = serde_json::from_str::<OneOf<TargetState>>(r#""failed,lost""#).expect_err("no such state");
        assert!(wrong.to_string().contains("`lost` is not a known target state"), "{wrong}");
    }

    #[test]
    fn a_cursor_is_of_its_order() {
        let id = "0190f3c4-7b1a-7000-8000-000000000001".to_owned();
        let by_name = Order { by: Some("name"), descending: true };
        for (key, order) in [
            (None, Order::MADE),
            (Some(Key::Number(-7)), by_name),
            (Some(Key::Text("Jürgen.".to_owned())), by_name),
            (Some(Key::Text(String::new())), by_name),
        ] {
            let cursor = Cursor { id: id.clone(), key };
            let again: Cursor = cursor.to_string().parse().expect("a cursor");
            assert_eq!(again, cursor);
            Sheet::new(5, Some(again.clone()), order).expect("of this order");
            let other = if order == Order::MADE { by_name } else { Order::MADE };
            assert_eq!(Sheet::new(5, Some(again), other), Err(NoCursor));
        }
        for wrong in ["", "x", &format!("{id}."), &format!("{id}.n"), &format!("{id}.t4"), &format!("{id}.tff")] {
            assert_eq!(wrong.parse::<Cursor>(), Err(NoCursor), "{wrong}");
        }
    }
}
