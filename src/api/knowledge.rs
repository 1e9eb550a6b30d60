//! Knowledge: documents and web pages that assistants look things up in.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::auth::Caller;
use super::body::Body;
use super::error::ApiError;
use super::etag::{IfMatch, Tagged};
use super::paging::{Id, Items, Paging, Params};
use crate::agent::knowledge::Passage;
use crate::agent::knowledge::chunk::{Chunk, MAX_CHUNKS, chunks};
use crate::agent::knowledge::extract::{ExtractError, Format, extract};
use crate::id::KnowledgeId;
use crate::pii::Pii;
use crate::store::knowledge::{self, Document, Source};
use crate::store::lock::Lock;

/// Largest page that is fetched, in bytes.
const MAX_PAGE: usize = 10 << 20;
/// Time a page may take.
const PAGE_TIME: Duration = Duration::from_secs(20);
/// Time the vector of a question may take, for somebody who tries the search out.
const SEARCH_TIME: Duration = Duration::from_secs(3);
/// What a fetched page's kind is called.
const WEB: &str = "web";

/// What to call an uploaded document.
#[derive(Clone, Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Upload {
    /// Title; transcripts name passages by it. 1 to 200 characters.
    #[garde(length(chars, min = 1, max = 200))]
    #[param(example = "Hours")]
    title: String,
    /// Language, BCP 47. English when it is left out.
    #[serde(default = "english")]
    #[garde(length(chars, min = 2, max = 35))]
    language: String,
}

/// A page to fetch.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "url": "https://www.example.com/opening-hours", "title": "Opening hours" }))]
pub struct Fetch {
    /// Where it is, `https://…`.
    #[garde(length(chars, min = 1, max = 2000))]
    url: String,
    /// Title; the address when it is left out. 1 to 200 characters.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 200)))]
    title: Option<String>,
    /// Language, BCP 47. English when it is left out.
    #[serde(default = "english")]
    #[garde(length(chars, min = 2, max = 35))]
    language: String,
}

/// A question to try the search with.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "question": "When do you open?", "sources": ["0190f3c4-7b1a-7000-8000-000000000001"] }))]
pub struct Question {
    /// What a caller would ask.
    #[garde(custom(a_question))]
    #[schema(value_type = String)]
    question: Pii<String>,
    /// Documents to look in, 1 to 50.
    #[garde(length(min = 1, max = 50))]
    sources: Vec<KnowledgeId>,
    /// Passages to give, 1 to 10.
    #[serde(default = "three")]
    #[garde(range(min = 1, max = 10))]
    limit: usize,
}

/// A document.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SourceView {
    /// Id, for an assistant's `knowledge`.
    id: KnowledgeId,
    /// Title.
    title: String,
    /// `text`, `markdown`, `html`, `pdf` or `web`.
    kind: String,
    /// Where a web page was fetched from.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Language.
    language: String,
    /// Characters of its text.
    characters: u32,
    /// Pieces it was cut into.
    chunks: u32,
    /// Pieces that have a vector by now, where there is a provider of embeddings.
    embedded: u32,
    /// The model that made them.
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding_model: Option<String>,
    /// Why the last attempt to make vectors failed; it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding_error: Option<String>,
    /// When it was added.
    created_at: Timestamp,
    /// When its text last changed.
    updated_at: Timestamp,
}

/// A passage that was found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PassageView {
    /// The document.
    source: KnowledgeId,
    /// Title and heading, as a transcript names it.
    name: String,
    /// The words.
    #[schema(value_type = String)]
    text: Pii<String>,
}

/// What was found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Found {
    /// Best first; empty when nothing fits.
    passages: Vec<PassageView>,
    /// Whether it was searched by meaning as well as by words.
    by_meaning: bool,
}

/// Upload a document
///
/// Send the file as the body with its `Content-Type`: `text/plain`, `text/markdown`, `text/html` or `application/pdf`.
#[utoipa::path(
    post, path = "/api/v1/knowledge", tag = "knowledge", params(Upload),
    request_body(content = String, content_type = "text/plain", example = json!("We open at nine.")),
    responses(
        (status = 201, body = SourceView),
        (status = 413, body = super::Problem),
        (status = 415, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn upload(
    State(api): State<Api>,
    caller: Caller,
    Params(upload): Params<Upload>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Tagged<SourceView>), ApiError> {
    check(&upload)?;
    let format = format(&headers)?;
    let pieces = cut_up(format, body.to_vec(), "").await?;
    let Upload { title, language } = &upload;
    let digest = digest(&pieces);
    let kind = format.to_string();
    let document = Document { title, kind: &kind, url: None, language, digest: &digest, chunks: &pieces };
    let mut tx = api.db.begin().await?;
    let source = knowledge::insert(&mut tx, caller.org, &document).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Tagged(view(source))))
}

/// Replace a document's text
#[utoipa::path(
    put, path = "/api/v1/knowledge/{id}", tag = "knowledge", params(("id" = KnowledgeId, Path), Upload),
    request_body(content = String, content_type = "text/plain", example = json!("We open at nine.")),
    responses(
        (status = 200, body = SourceView),
        (status = 404, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn replace(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<KnowledgeId>,
    wanted: IfMatch,
    Params(upload): Params<Upload>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Tagged<SourceView>, ApiError> {
    check(&upload)?;
    let format = format(&headers)?;
    let pieces = cut_up(format, body.to_vec(), "").await?;
    let Upload { title, language } = &upload;
    let digest = digest(&pieces);
    let kind = format.to_string();
    let document = Document { title, kind: &kind, url: None, language, digest: &digest, chunks: &pieces };
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Knowledge(id)).await?;
    wanted.check(&view(knowledge::get(&mut tx, caller.org, id).await?))?;
    let source = knowledge::replace(&mut tx, caller.org, id, &document).await?;
    tx.commit().await?;
    Ok(Tagged(view(source)))
}

/// Add a web page
///
/// The page is fetched now; `POST /api/v1/knowledge/{id}/refresh` fetches it again.
#[utoipa::path(
    post, path = "/api/v1/knowledge/fetch", tag = "knowledge", request_body = Fetch,
    responses((status = 201, body = SourceView), (status = 422, body = super::Problem))
)]
pub async fn fetch(
    State(api): State<Api>,
    caller: Caller,
    Body(fetch): Body<Fetch>,
) -> Result<(StatusCode, Tagged<SourceView>), ApiError> {
    let pieces = page(&api, &fetch.url).await?;
    let Fetch { url, title, language } = &fetch;
    let (title, digest) = (title.as_deref().unwrap_or(url), digest(&pieces));
    let document = Document { title, kind: WEB, url: Some(url), language, digest: &digest, chunks: &pieces };
    let mut tx = api.db.begin().await?;
    let source = knowledge::insert(&mut tx, caller.org, &document).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Tagged(view(source))))
}

/// Fetch a web page again
#[utoipa::path(
    post, path = "/api/v1/knowledge/{id}/refresh", tag = "knowledge", params(("id" = KnowledgeId, Path)),
    responses(
        (status = 200, body = SourceView),
        (status = 404, body = super::Problem),
        (status = 409, body = super::Problem),
        (status = 422, body = super::Problem)
    )
)]
pub async fn refresh(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<KnowledgeId>,
) -> Result<Tagged<SourceView>, ApiError> {
    let source = {
        let mut tx = api.db.read().await?;
        knowledge::get(&mut tx, caller.org, id).await?
    };
    let Some(url) = &source.url else {
        return Err(ApiError::Conflict {
            code: "not_a_page",
            detail: "the document was uploaded: replace it with PUT instead".to_owned(),
            faults: Vec::new(),
        });
    };
    let pieces = page(&api, url).await?;
    let digest = digest(&pieces);
    if digest == source.digest {
        return Ok(Tagged(view(source)));
    }
    let Source { title, language, .. } = &source;
    let document = Document { title, kind: WEB, url: Some(url), language, digest: &digest, chunks: &pieces };
    let mut tx = api.db.begin().await?;
    let source = knowledge::replace(&mut tx, caller.org, id, &document).await?;
    tx.commit().await?;
    Ok(Tagged(view(source)))
}

/// List documents
#[utoipa::path(
    get, path = "/api/v1/knowledge", tag = "knowledge", params(Paging),
    responses((status = 200, body = Items<SourceView>))
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(paging): Params<Paging>,
) -> Result<Json<Items<SourceView>>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Json(Items::of(knowledge::list(&mut tx, caller.org, paging.page()?).await?, view)))
}

/// Read about a document
#[utoipa::path(
    get, path = "/api/v1/knowledge/{id}", tag = "knowledge", params(("id" = KnowledgeId, Path)),
    responses((status = 200, body = SourceView), (status = 404, body = super::Problem))
)]
pub async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<KnowledgeId>,
) -> Result<Tagged<SourceView>, ApiError> {
    let mut tx = api.db.read().await?;
    Ok(Tagged(view(knowledge::get(&mut tx, caller.org, id).await?)))
}

/// Remove a document
///
/// Assistants that name it find nothing in it any more.
#[utoipa::path(
    delete, path = "/api/v1/knowledge/{id}", tag = "knowledge", params(("id" = KnowledgeId, Path)),
    responses((status = 204), (status = 404, body = super::Problem))
)]
pub async fn delete(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<KnowledgeId>,
    wanted: IfMatch,
) -> Result<StatusCode, ApiError> {
    let mut tx = api.db.begin().await?;
    wanted.lock(&mut tx, Lock::Knowledge(id)).await?;
    wanted.check(&view(knowledge::get(&mut tx, caller.org, id).await?))?;
    knowledge::delete(&mut tx, caller.org, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Try a search
///
/// Finds what an assistant would find while a caller asks this.
#[utoipa::path(
    post, path = "/api/v1/knowledge/search", tag = "knowledge", request_body = Question,
    responses((status = 200, body = Found), (status = 422, body = super::Problem))
)]
pub async fn search(
    State(api): State<Api>,
    caller: Caller,
    Body(question): Body<Question>,
) -> Result<Json<Found>, ApiError> {
    let Question { question, sources, limit } = &question;
    let found = api.lookups.search(caller.org, sources, question.expose(), *limit, SEARCH_TIME).await?;
    let passage = |passage: Passage| PassageView { source: passage.source, name: passage.name(), text: passage.text };
    let by_meaning = found.by_meaning;
    Ok(Json(Found { passages: found.passages.into_iter().map(passage).collect(), by_meaning }))
}

fn check(upload: &Upload) -> Result<(), ApiError> {
    let Err(report) = upload.validate() else { return Ok(()) };
    let fault = report.iter().next().map(|(path, error)| (format!("?{path}"), error.to_string()));
    let (pointer, reason) = fault.unwrap_or_default();
    Err(ApiError::field(&pointer, "out_of_range", reason))
}

fn format(headers: &HeaderMap) -> Result<Format, ApiError> {
    const TYPES: &str = "text/plain, text/markdown, text/html or application/pdf";
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media_type.and_then(Format::of_media_type).ok_or(ApiError::UnsupportedType(TYPES))
}

/// Fetches a page and cuts it up.
async fn page(api: &Api, url: &str) -> Result<Vec<Chunk>, ApiError> {
    let fault = |reason: String| ApiError::field("/url", "unreadable_page", reason);
    let page = api.web.read(url, MAX_PAGE, PAGE_TIME).await.map_err(|error| fault(error.to_string()))?;
    let format = Format::of_media_type(&page.media_type)
        .ok_or_else(|| fault("is neither text, HTML, Markdown nor PDF".to_owned()))?;
    cut_up(format, page.bytes, "/url").await
}

/// Text and pieces of a document, made on a thread that may be busy.
async fn cut_up(format: Format, bytes: Vec<u8>, pointer: &'static str) -> Result<Vec<Chunk>, ApiError> {
    let work = tokio::task::spawn_blocking(move || extract(format, &bytes).map(|sections| chunks(&sections)));
    let pieces = work.await.map_err(|error| ApiError::Internal(error.into()))?;
    let refuse = |error: ExtractError| ApiError::field(pointer, "unreadable_document", error.to_string());
    let pieces = pieces.map_err(refuse)?;
    if pieces.len() > MAX_CHUNKS { Err(refuse(ExtractError::TooLong)) } else { Ok(pieces) }
}

fn digest(pieces: &[Chunk]) -> String {
    let mut hash = Sha256::new();
    for piece in pieces {
        for part in [&piece.heading, &piece.text] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn view(source: Source) -> SourceView {
    let Source { id, title, kind, url, language, digest: _, characters, chunks, created_at, updated_at, .. } = source;
    let Source { embedded, embedding_model, embedding_error, .. } = source;
    SourceView {
        id,
        title,
        kind,
        url,
        language,
        characters,
        chunks,
        embedded,
        embedding_model,
        embedding_error,
        created_at,
        updated_at,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde asks for a reference")]
fn a_question(question: &Pii<String>, (): &()) -> garde::Result {
    match question.expose().chars().count() {
        1..=2000 => Ok(()),
        _ => Err(garde::Error::new("must be 1 to 2000 characters")),
    }
}

fn english() -> String {
    "en".to_owned()
}

const fn three() -> usize {
    3
}
