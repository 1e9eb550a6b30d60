//! Writing what is shared: serde does so for `Arc` only with a feature that nothing else needs. For
//! `#[serde(serialize_with = "crate::arcs::one")]`.

use std::sync::Arc;

use serde::{Serialize, Serializer};

pub(crate) fn one<T: Serialize + ?Sized, S: Serializer>(value: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
    (**value).serialize(serializer)
}

pub(crate) fn maybe<T: Serialize, S: Serializer>(value: &Option<Arc<T>>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_deref().serialize(serializer)
}
