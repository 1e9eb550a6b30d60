//! Presets for the trunks of well-known carriers.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::auth::Caller;
use crate::trunk::presets::{self, Preset};

/// Presets for trunks.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrunkPresets {
    /// Counts their changes.
    version: u32,
    /// By their names in order.
    items: Vec<Preset>,
}

/// List presets for the trunks of well-known carriers
///
/// Each is taken from documents that the carrier publishes, and names them. `preset` of a trunk begins with one.
#[utoipa::path(
    get, path = "/api/v1/trunk_presets", tag = "trunks", responses((status = 200, body = TrunkPresets))
)]
pub async fn list_presets(_caller: Caller) -> Json<TrunkPresets> {
    Json(TrunkPresets { version: presets::VERSION, items: presets::all().to_vec() })
}
