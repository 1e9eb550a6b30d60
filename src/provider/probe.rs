//! Trying a vendor out, so that an operator learns which part is wrong before a caller does.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use reqwest::Url;
use rustls::pki_types::ServerName;
use serde::Serialize;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use utoipa::ToSchema;

use super::error::{Error, ErrorKind};
use super::tls;
use super::vendor::Vendor;

/// How long each step may take.
pub const STEP: Duration = Duration::from_secs(5);

/// A trial under way. It costs the vendor's smallest request at most.
pub type Probing<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// What was tried when it failed; each step needs the ones before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Something on this machine: a program that is missing, an address that is none.
    Local,
    /// The host's name has no address.
    Dns,
    /// No connection to the address.
    Tcp,
    /// The server's certificate is not trusted, or it does not speak TLS.
    Tls,
    /// The key is missing or refused.
    Auth,
    /// The account has no funds left, or its limits are reached.
    Quota,
    /// The model, the voice or another setting is not known to the vendor.
    Model,
    /// What answers does not speak the vendor's protocol, or not in time.
    Format,
}

/// What a trial found wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step:?}: {error}")]
pub struct Failure {
    /// The step that failed.
    pub step: Step,
    /// Why.
    pub error: Error,
    /// The vendor's own words, at most some hundred bytes. A trial sends nothing personal, so they hold nothing such.
    pub said: Option<String>,
}

impl From<Error> for Failure {
    /// The step that an adapter's error speaks of.
    fn from(error: Error) -> Self {
        let step = match error.kind {
            ErrorKind::NotInstalled | ErrorKind::Local => Step::Local,
            ErrorKind::Unauthorised => Step::Auth,
            ErrorKind::Busy => Step::Quota,
            ErrorKind::Unreachable => Step::Tcp,
            ErrorKind::Refused => Step::Model,
            ErrorKind::TimedOut | ErrorKind::Broken => Step::Format,
        };
        Self { step, error, said: None }
    }
}

/// The probe of a provider that has nothing to try.
#[must_use]
pub fn nothing_to_try<'a>() -> Probing<'a> {
    Box::pin(std::future::ready(Ok(())))
}

/// Finds the host of an `http`, `https`, `ws` or `wss` address, connects to it, and shakes hands where it is encrypted.
/// Every adapter's probe begins with it.
///
/// # Errors
/// [`Failure`] with [`Step::Local`], [`Step::Dns`], [`Step::Tcp`] or [`Step::Tls`].
pub async fn reach(vendor: &Vendor, address: &str) -> Result<(), Failure> {
    let fail = |step, kind, detail: String| Failure { step, error: vendor.error(kind, detail), said: None };
    let no_address = || fail(Step::Local, ErrorKind::Refused, "the address has no host".to_owned());
    let url = Url::parse(address)
        .map_err(|error| fail(Step::Local, ErrorKind::Refused, format!("the address is none: {error}")))?;
    let host = url.host_str().ok_or_else(no_address)?.trim_matches(['[', ']']).to_owned();
    let encrypted = matches!(url.scheme(), "https" | "wss");
    let port = url.port().unwrap_or(if encrypted { 443 } else { 80 });

    let found = timeout(STEP, lookup_host((host.as_str(), port))).await;
    let addresses: Vec<SocketAddr> = match found {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => return Err(fail(Step::Dns, ErrorKind::Unreachable, format!("{host}: {error}"))),
        Err(_) => return Err(fail(Step::Dns, ErrorKind::TimedOut, format!("{host}: no answer"))),
    };
    let stream = match timeout(STEP, TcpStream::connect(&addresses[..])).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(fail(Step::Tcp, ErrorKind::Unreachable, format!("{host}:{port}: {error}"))),
        Err(_) => return Err(fail(Step::Tcp, ErrorKind::TimedOut, format!("{host}:{port}: no answer"))),
    };
    if !encrypted {
        return Ok(());
    }
    let name = ServerName::try_from(host.clone())
        .map_err(|error| fail(Step::Tls, ErrorKind::Refused, format!("{host}: {error}")))?;
    match timeout(STEP, TlsConnector::from(tls::config()).connect(name, stream)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(fail(Step::Tls, ErrorKind::Unreachable, format!("{host}: {error}"))),
        Err(_) => Err(fail(Step::Tls, ErrorKind::TimedOut, format!("{host}: no answer"))),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    async fn step(address: &str) -> Option<Step> {
        reach(&Vendor::named("somebody"), address).await.err().map(|failure| failure.step)
    }

    #[tokio::test]
    async fn each_step_is_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        assert_eq!(step("not an address").await, Some(Step::Local));
        assert_eq!(step("https://nowhere.invalid/v1").await, Some(Step::Dns));
        assert_eq!(step(&format!("ws://{address}/v1/listen")).await, None);
        let plain = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("accepts");
                drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
            }
        });
        assert_eq!(step(&format!("https://{address}/v1")).await, Some(Step::Tls));
        plain.abort();
        drop(plain.await);
        assert_eq!(step(&format!("https://{address}/v1")).await, Some(Step::Tcp));
    }
}
