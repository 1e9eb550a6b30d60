//! Recordings of calls: heard, and looked at.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use callwright_media::recording::Waveform;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::error::ApiError;
use super::paging::Id;
use super::range::{Wanted, wanted};
use crate::id::CallId;
use crate::recording::vault::VaultError;
use crate::store::recording::{self, RecordingState};

/// Of a recording that has no peaks.
const NOT_YET: &str =
    "waveform of this call: it is made within a minute or so after the call, of calls that were recorded";
/// Of a recording whose file is not there.
const ELSEWHERE: &str = "recording on this server: it lies on the disk of the server that made the call; name a bucket in \
                         `recording.store` to read it from every server";

/// What a recording looks like, to be drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WaveformView {
    /// Length of a stretch in milliseconds; the last one may be shorter.
    bucket_ms: u32,
    /// Of the other side: the highest absolute sample of each stretch, 255 for full scale. 2,000 at most.
    heard: Vec<u8>,
    /// Of the agent, as many.
    said: Vec<u8>,
}

/// How recordings are getting on, on this server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecordingsView {
    /// Recordings that wait to be worked up, of all servers that share the database.
    waiting: u64,
    /// Encoded since the start of this server.
    encoded: u64,
    /// Not encoded, because they could not be read or did not sound as before: they stay WAV. The log says why.
    stayed_wav: u64,
    /// Times that a disk refused or a file was in use. They are tried again.
    put_off: u64,
    /// Encoded of calls that are not on record, because their server was killed.
    orphans: u64,
    /// Recordings that wait to be taken to the object store, of all servers; 0 where none is set.
    to_be_stored: u64,
    /// Taken to the object store since the start of this server.
    stored: u64,
    /// Times that the object store could not be reached, or refused. They are tried again.
    not_stored: u64,
}

/// Hear a call: the other side left, the agent right
///
/// Ogg/Opus, and stereo WAV until it is encoded, which takes a minute or so after the call; where `recording.format` is
/// `wav`, or encoding has failed, it stays WAV. One range of bytes is served at a time, so that players can seek. The tag is that
/// of the file: it changes when the WAV gives way to the Ogg, and a part of the one is never continued with the other where
/// `If-Range` has the tag.
#[utoipa::path(
    get, path = "/api/v1/calls/{id}/recording", tag = "calls",
    params(
        ("id" = CallId, Path),
        ("Range" = Option<String>, Header, description = "Some bytes only, such as `bytes=0-65535`"),
        ("If-Range" = Option<String>, Header, description = "The tag that the range belongs to; of another file all is sent"),
        ("If-None-Match" = Option<String>, Header, description = "Tags that are known: 304 when one of them is the file's"),
    ),
    responses(
        (status = 200, description = "All of it", content((Vec<u8> = "audio/ogg"), (Vec<u8> = "audio/wav"))),
        (status = 206, description = "The range that was asked for", content((Vec<u8> = "audio/ogg"), (Vec<u8> = "audio/wav"))),
        (status = 304, description = "The tag is known"),
        (status = 404, body = super::Problem),
        (status = 503, description = "It lies in an object store that does not answer", body = super::Problem),
        (status = 416, description = "The range begins behind the end; `Content-Range` has the length", body = super::Problem)
    )
)]
pub async fn hear(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CallId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let filed = recording::of(&mut api.db.read().await?, caller.org, id).await?;
    let filed = filed.ok_or(ApiError::NotFound("recording"))?;
    let sound = api.vault.open(&filed).await.map_err(unreadable)?;
    let (length, tag, media_type) = (sound.length, sound.tag.clone(), sound.media_type);
    // Section 14.2: a range counts for GET alone.
    let (status, part) = match (wanted(&headers, length, &tag), &method) {
        (Wanted::Unchanged, _) => return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response()),
        (Wanted::Beyond, &Method::GET) => return Err(ApiError::BeyondEnd { length }),
        (Wanted::Part(part), &Method::GET) => (StatusCode::PARTIAL_CONTENT, part),
        (Wanted::All | Wanted::Part(_) | Wanted::Beyond, _) => (StatusCode::OK, 0..length),
    };
    let about = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, tag),
        (header::CONTENT_LENGTH, (part.end - part.start).to_string()),
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
    ];
    let place = format!("bytes {}-{}/{length}", part.start, part.end.saturating_sub(1));
    let body = match method {
        Method::HEAD => Body::empty(),
        _ => Body::from_stream(sound.read(part).await.map_err(unreadable)?),
    };
    let mut response = (status, about, body).into_response();
    if status == StatusCode::PARTIAL_CONTENT {
        let place = place.parse().expect("numbers are a header's value");
        response.headers_mut().insert(header::CONTENT_RANGE, place);
    }
    Ok(response)
}

fn unreadable(error: VaultError) -> ApiError {
    match error {
        VaultError::NotHere => ApiError::NotFound(ELSEWHERE),
        VaultError::Io(error) => ApiError::Internal(error.into()),
        VaultError::Away(cause) => {
            let cause = cause.map_or_else(|| "none is set".to_owned(), |cause| cause.to_string());
            tracing::warn!(cause, "a recording cannot be read from the object store");
            let detail = "the recording lies in an object store that does not answer: try again, and look at \
                          `recording.store` and the server's log when it lasts";
            ApiError::Busy { code: "store_unavailable", detail: detail.to_owned() }
        }
    }
}

/// See a call: the peaks of both sides
///
/// At most 2,000 stretches however long the call, each of 20 ms, 40 ms, 80 ms and so on.
#[utoipa::path(
    get, path = "/api/v1/calls/{id}/waveform", tag = "calls", params(("id" = CallId, Path)),
    responses((status = 200, body = WaveformView), (status = 404, body = super::Problem))
)]
pub async fn waveform(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<CallId>,
) -> Result<Json<WaveformView>, ApiError> {
    let peaks = recording::peaks(&mut api.db.read().await?, caller.org, id).await?;
    let peaks = peaks.ok_or(ApiError::NotFound(NOT_YET))?;
    let Waveform { bucket_ms, heard, said } =
        Waveform::from_bytes(&peaks).map_err(|error| ApiError::Internal(error.into()))?;
    Ok(Json(WaveformView { bucket_ms, heard, said }))
}

/// Read how recordings are getting on
///
/// What waits to be encoded, and what this server has done since its start.
#[utoipa::path(
    get, path = "/api/v1/recordings", tag = "calls",
    responses((status = 200, body = RecordingsView))
)]
pub async fn state(State(api): State<Api>, _: Caller) -> Result<Json<RecordingsView>, ApiError> {
    let mut tx = api.db.read().await?;
    let waiting = recording::count(&mut tx, RecordingState::Fresh).await?;
    let to_be_stored = match api.vault.remote() {
        Some(_) => recording::count(&mut tx, RecordingState::Kept).await?,
        None => 0,
    };
    let tally = api.recorded.tally();
    Ok(Json(RecordingsView {
        waiting,
        encoded: tally.encoded,
        stayed_wav: tally.stayed_wav,
        put_off: tally.put_off,
        orphans: tally.orphans,
        to_be_stored,
        stored: tally.stored,
        not_stored: tally.not_stored,
    }))
}
