//! SIP messages: what the bytes say, and back to bytes.
//!
//! [`parse()`] reads one datagram, [`StreamFramer`] cuts a TCP stream into messages. Headers keep their order and their
//! bytes; [`Headers::typed`] reads one as the type its RFC gives it. Nothing here trusts its input: every size is
//! limited, nothing recurses, nothing panics.

mod framer;
pub mod header;
mod headers;
mod host;
mod lexer;
mod method;
mod name;
mod params;
mod parse;
mod status;
mod uri;

pub use framer::{Frame, FrameError, StreamFault, StreamFramer};
pub use header::TypedHeader;
pub use headers::Headers;
pub use host::{Host, HostPort};
pub use method::{Method, Token};
pub use name::{ExtensionName, HeaderName};
pub use params::Params;
pub use parse::parse;
pub use status::StatusCode;
pub use uri::{Scheme, Uri};

pub(crate) use lexer::{Lexer, is_token, push_decimal, push_quoted, split_list, unquote};
pub(crate) use params::is_value_byte;

/// Longest message accepted, in bytes: head and body.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// Most header lines a message may have.
pub const MAX_HEADERS: usize = 256;
/// Longest single header accepted, in bytes: name, value and folds.
pub const MAX_HEADER: usize = 8 * 1024;

/// A SIP request (RFC 3261 section 7.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// All headers but Content-Length, which follows from `body`.
    pub headers: Headers,
    /// The body; empty for none.
    pub body: Vec<u8>,
}

/// A SIP response (RFC 3261 section 7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: StatusCode,
    /// The reason phrase as sent; may be empty, may be no UTF-8.
    pub reason: Vec<u8>,
    /// All headers but Content-Length, which follows from `body`.
    pub headers: Headers,
    /// The body; empty for none.
    pub body: Vec<u8>,
}

/// A request or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Message {
    /// The headers of either kind.
    pub fn headers(&self) -> &Headers {
        match self {
            Message::Request(request) => &request.headers,
            Message::Response(response) => &response.headers,
        }
    }

    /// The body of either kind.
    pub fn body(&self) -> &[u8] {
        match self {
            Message::Request(request) => &request.body,
            Message::Response(response) => &response.body,
        }
    }

    /// The message as it goes on the wire, with its Content-Length.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Message::Request(request) => request.to_bytes(),
            Message::Response(response) => response.to_bytes(),
        }
    }
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, uri: Uri) -> Self {
        Request { method, uri, headers: Headers::new(), body: Vec::new() }
    }

    /// The request as it goes on the wire, with its Content-Length.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256 + self.headers.printed_len() + self.body.len());
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        self.uri.print(&mut out);
        out.extend_from_slice(b" SIP/2.0\r\n");
        push_rest(&mut out, &self.headers, &self.body);
        out
    }
}

impl Response {
    /// A response with the status's usual phrase, without headers and body.
    pub fn new(status: StatusCode) -> Self {
        Response { status, reason: status.phrase().as_bytes().to_vec(), headers: Headers::new(), body: Vec::new() }
    }

    /// A response to the request these headers come from: Via values, From, To, Call-ID and CSeq are repeated as
    /// they came, and Timestamp in a 100 (RFC 3261 section 8.2.6). The caller adds its To tag.
    pub fn answering(request: &Headers, status: StatusCode) -> Self {
        let mut response = Response::new(status);
        for (name, value) in request.iter() {
            let repeated =
                name.is_repeated_in_responses() || (*name == HeaderName::Timestamp && status == StatusCode::TRYING);
            if repeated {
                response.headers.push(name.clone(), value);
            }
        }
        response
    }

    /// The response as it goes on the wire, with its Content-Length.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.headers.printed_len() + self.body.len());
        out.extend_from_slice(b"SIP/2.0 ");
        push_decimal(&mut out, u64::from(self.status.code()));
        out.push(b' ');
        out.extend(self.reason.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
        out.extend_from_slice(b"\r\n");
        push_rest(&mut out, &self.headers, &self.body);
        out
    }
}

fn push_rest(out: &mut Vec<u8>, headers: &Headers, body: &[u8]) {
    headers.print(out);
    out.extend_from_slice(b"Content-Length: ");
    push_decimal(out, body.len() as u64);
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests;
