//! Where the files come from: `web/dist`, built into an optimised program and read from the disk by others.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;
use tokio::task::spawn_blocking;

use crate::access::token::hex;

/// Below so many bytes compressing is not worth it.
const SMALL: usize = 1_024;
/// Compressed files that are kept: more than a console has.
const MOST: usize = 1_024;

#[derive(RustEmbed)]
#[folder = "web/dist/"]
#[allow_missing = true]
struct Built;

/// A file.
#[derive(Clone, Debug)]
pub struct File {
    /// What is in it.
    pub bytes: Bytes,
    /// Its content type.
    pub content_type: String,
    /// Another one for another content.
    pub tag: String,
}

type Source = dyn Fn(&str) -> Option<File> + Send + Sync;

/// The files of the console; clones share what was compressed.
#[derive(Clone)]
pub struct Console {
    source: Arc<Source>,
    /// By their tags. Each is compressed once.
    compressed: Arc<Mutex<BTreeMap<String, Bytes>>>,
}

impl Console {
    /// Files from elsewhere, by name.
    pub fn of(source: impl Fn(&str) -> Option<File> + Send + Sync + 'static) -> Self {
        Self { source: Arc::new(source), compressed: Arc::default() }
    }

    /// Whether the program has the console.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.file("index.html").is_some()
    }

    pub(super) fn file(&self, name: &str) -> Option<File> {
        (self.source)(name)
    }

    /// The file in gzip, where that is smaller.
    pub(super) async fn compressed(&self, file: &File) -> Option<Bytes> {
        if file.bytes.len() < SMALL || !is_text(&file.content_type) {
            return None;
        }
        let kept = || self.compressed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(small) = kept().get(&file.tag) {
            return Some(small.clone());
        }
        let bytes = file.bytes.clone();
        let small = spawn_blocking(move || gzip(&bytes)).await.ok().flatten()?;
        let mut kept = kept();
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(file.tag.clone(), small.clone());
        Some(small)
    }
}

impl Default for Console {
    /// What the program was built with.
    fn default() -> Self {
        Self::of(|name| {
            let file = Built::get(name)?;
            let tag = hex(&file.metadata.sha256_hash()[..16]);
            let content_type = with_charset(file.metadata.mimetype());
            Some(File { bytes: Bytes::from(file.data.into_owned()), content_type, tag })
        })
    }
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Console")
    }
}

fn with_charset(kind: &str) -> String {
    if kind.starts_with("text/") && !kind.contains("charset") {
        format!("{kind}; charset=utf-8")
    } else {
        kind.to_owned()
    }
}

fn is_text(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default();
    kind.starts_with("text/") || ["javascript", "json", "xml", "wasm"].iter().any(|end| kind.ends_with(end))
}

fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::default());
    writer.write_all(bytes).ok()?;
    writer.finish().ok().filter(|small| small.len() < bytes.len()).map(Bytes::from)
}
