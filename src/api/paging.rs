//! Lists in pages: `?limit=50&after=<id of the last item>`.

use std::str::FromStr;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;
use crate::store::filter::{self, NoCursor, Order, Orders, Sheet};
use crate::store::{Listing, Page};

/// Which part of a list.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Items on the page, 1 to 1000.
    #[serde(default = "default_limit")]
    #[param(default = 50, minimum = 1, maximum = 1000)]
    limit: u32,
    /// `next` of the page before; absent for the first page.
    #[serde(default)]
    after: Option<String>,
}

impl Paging {
    /// The page for the store.
    ///
    /// # Errors
    /// When a parameter is out of its range or no id.
    pub fn page<I: FromStr>(&self) -> Result<Page<I>, ApiError> {
        page(self.limit, self.after.as_deref())
    }
}

/// Items on a page when the caller does not say.
pub(super) const fn default_limit() -> u32 {
    50
}

/// The page for the store, oldest items first. Filters have `limit` and `after` among their own fields: a flattened
/// [`Paging`] could not refuse unknown parameters.
///
/// # Errors
/// When a parameter is out of its range or no id.
pub(super) fn page<I: FromStr>(limit: u32, after: Option<&str>) -> Result<Page<I>, ApiError> {
    if !(1..=Page::<I>::MAX_LIMIT).contains(&limit) {
        return Err(ApiError::field("?limit", "out_of_range", "must be between 1 and 1000"));
    }
    let not_an_id = |_| ApiError::field("?after", "not_an_id", "must be `next` of the page before");
    let after = after.map(str::parse).transpose().map_err(not_an_id)?;
    Ok(Page { after, limit, newest_first: false })
}

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Items<T> {
    /// The items, oldest first.
    pub items: Vec<T>,
    /// Pass as `after` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Items<T> {
    /// A page of the store in the words of the API.
    pub fn of<R, I: ToString>(listing: Listing<R, I>, item: impl Fn(R) -> T) -> Self {
        Self { next: listing.next.map(|id| id.to_string()), items: listing.items.into_iter().map(item).collect() }
    }
}

/// Which part of a list, in which order.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Ordering {
    /// Items on the page, 1 to 1000.
    #[serde(default = "default_limit")]
    #[param(default = 50, minimum = 1, maximum = 1000)]
    limit: u32,
    /// `next` of the page before, in the same order; absent for the first page.
    #[serde(default)]
    after: Option<String>,
    /// What the list is ordered by, `-` before it for the other way round. As made when it is left out.
    #[serde(default)]
    sort: Option<String>,
}

/// A list that is filtered and ordered: `limit`, `after` and `sort`, and what `F` has. Unknown parameters are refused.
#[derive(Clone, Debug)]
pub struct Listed<F> {
    /// What fits.
    pub filter: F,
    ordering: Ordering,
}

impl<F> Listed<F> {
    /// The page for the store.
    ///
    /// # Errors
    /// When a parameter is out of its range, the order is unknown, or the cursor is of another one.
    pub fn sheet(&self, orders: Orders) -> Result<Sheet, ApiError> {
        self.sheet_in(orders, Order::MADE)
    }

    /// The page of a list that has one order.
    ///
    /// # Errors
    /// As [`sheet`](Self::sheet).
    pub fn sheet_by(&self, name: &str, orders: Orders) -> Result<Sheet, ApiError> {
        self.sheet_in(orders, filter::order(name, orders).unwrap_or(Order::MADE))
    }

    fn sheet_in(&self, orders: Orders, usual: Order) -> Result<Sheet, ApiError> {
        let Ordering { limit, after, sort } = &self.ordering;
        if !(1..=Page::<()>::MAX_LIMIT).contains(limit) {
            return Err(ApiError::field("?limit", "out_of_range", "must be between 1 and 1000"));
        }
        let order = match sort {
            None => usual,
            Some(name) => filter::order(name, orders).map_err(|names| {
                ApiError::field(
                    "?sort",
                    "unknown_value",
                    format!("must be one of {names}, with `-` before it for the other way"),
                )
            })?,
        };
        let not_a_cursor = |error: NoCursor| ApiError::field("?after", "not_an_id", error.to_string());
        let after = after.as_deref().map(str::parse).transpose().map_err(not_a_cursor)?;
        Sheet::new(*limit, after, order).map_err(not_a_cursor)
    }
}

impl<S: Send + Sync, F: DeserializeOwned> FromRequestParts<S> for Listed<F> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        const OWN: [&str; 3] = ["limit", "after", "sort"];
        let query = parts.uri.query().unwrap_or_default();
        let (own, of_filter): (Vec<_>, Vec<_>) =
            query.split('&').partition(|pair| OWN.contains(&pair.split('=').next().unwrap_or_default()));
        Ok(Self { filter: read(&of_filter.join("&"))?, ordering: read(&own.join("&"))? })
    }
}

fn read<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let uri: Uri = format!("/?{query}").parse().map_err(|_| ApiError::Malformed("the query".to_owned()))?;
    let Query(value) =
        Query::try_from_uri(&uri).map_err(|rejection: QueryRejection| ApiError::Malformed(rejection.body_text()))?;
    Ok(value)
}

/// Query parameters; unknown ones are refused.
#[derive(Clone, Copy, Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(value) = Query::<T>::from_request_parts(parts, state)
            .await
            .map_err(|rejection: QueryRejection| ApiError::Malformed(rejection.body_text()))?;
        Ok(Self(value))
    }
}

/// An id in the path; text that is none names nothing, so the answer is 404.
#[derive(Clone, Copy, Debug)]
pub struct Id<T>(pub T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|_| ApiError::NotFound("path"))?;
        text.parse().map(Self).map_err(|_| ApiError::NotFound("id"))
    }
}
