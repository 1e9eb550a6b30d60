//! The body of an HTTP answer that goes out piece by piece, with the faults of the request between.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::connection::Connection;
use super::faults::{Fault, Strikes};
use super::log::Side;
use super::peer::{GARBAGE, Gone};

/// Pieces that wait for the client.
const QUEUE: usize = 16;

/// The writing end of a body.
#[derive(Debug)]
pub(crate) struct Reply {
    connection: Arc<Connection>,
    out: mpsc::Sender<io::Result<Bytes>>,
    strikes: Strikes,
    sent: u32,
}

impl Reply {
    /// A body to write and the answer that carries it.
    pub(crate) fn begin(connection: Arc<Connection>, content_type: &'static str) -> (Self, Response) {
        let (out, pieces) = mpsc::channel(QUEUE);
        let mut strikes = Strikes::default();
        strikes.add(&connection.faults(), connection.began, 0);
        let body = stream::unfold(pieces, async |mut pieces: mpsc::Receiver<io::Result<Bytes>>| {
            pieces.recv().await.map(|piece| (piece, pieces))
        });
        let mut response = Response::new(Body::from_stream(body));
        response.headers_mut().insert(CONTENT_TYPE, content_type.parse().expect("a content type is a header value"));
        (Self { connection, out, strikes, sent: 0 }, response)
    }

    /// Writes text: JSON or the lines of an event stream.
    pub(crate) async fn text(&mut self, text: &str) -> Result<(), Gone> {
        self.piece(Bytes::from(text.to_owned())).await?;
        self.connection.sent(text.trim());
        Ok(())
    }

    /// Writes audio that sounds like `samples`; none of it when a fault wants that.
    pub(crate) async fn audio(&mut self, bytes: Bytes, samples: &[i16], rate: u32) -> Result<(), Gone> {
        if self.connection.faults().empty_audio() {
            return Ok(());
        }
        let length = bytes.len();
        self.piece(bytes).await?;
        self.connection.said(samples, rate, length);
        Ok(())
    }

    /// The body is complete.
    pub(crate) fn finish(self) {
        self.connection.closed(Side::Vendor, None, "");
    }

    async fn piece(&mut self, bytes: Bytes) -> Result<(), Gone> {
        if self.sent == 0 {
            let faults = self.connection.faults();
            sleep(faults.delay() + faults.slow_first_byte()).await;
        }
        while let Some(fault) = self.strikes.take(Instant::now(), self.sent) {
            self.connection.struck(&fault);
            self.strike(&fault).await?;
        }
        self.sent += 1;
        self.out.send(Ok(bytes)).await.map_err(|_| Gone)
    }

    async fn strike(&self, fault: &Fault) -> Result<(), Gone> {
        match fault {
            Fault::Close { .. } | Fault::Cut { .. } => {
                self.connection.closed(Side::Vendor, None, "cut");
                // What was written before goes out first.
                let broken = io::Error::new(io::ErrorKind::ConnectionReset, "cut");
                let _ = self.out.send_timeout(Err(broken), Duration::from_secs(1)).await;
                Err(Gone)
            }
            Fault::HalfOpen { .. } => {
                self.out.closed().await;
                Err(Gone)
            }
            Fault::Garbage { .. } => {
                self.connection.sent(GARBAGE);
                let line = format!("data: {GARBAGE}\n\n");
                self.out.send(Ok(Bytes::from(line))).await.map_err(|_| Gone)
            }
            Fault::Delay { .. }
            | Fault::Unauthorised
            | Fault::TooMany { .. }
            | Fault::Refuse { .. }
            | Fault::Hang
            | Fault::SlowFirstByte { .. }
            | Fault::DuplicateFinals
            | Fault::LateFinal { .. }
            | Fault::Pace { .. }
            | Fault::EmptyAudio
            | Fault::TruncatedBase64 => Ok(()),
        }
    }
}
