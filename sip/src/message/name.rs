//! Header names: the ones we know, their compact forms, and any other.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use super::lexer::is_token;

/// The name of a header we have no variant for. Printed as written, compared without regard to case.
#[derive(Debug, Clone)]
pub struct ExtensionName(Box<str>);

macro_rules! names {
    ($($variant:ident $text:literal $($compact:literal)?)*) => {
        /// A header's name. Compact forms (RFC 3261 section 7.3.3) are read as the name they stand for.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "each variant is the header of its name")]
        pub enum HeaderName {
            $($variant,)*
            /// Any other header.
            Other(ExtensionName),
        }

        impl HeaderName {
            /// The name as it is printed.
            pub fn as_str(&self) -> &str {
                match self {
                    $(HeaderName::$variant => $text,)*
                    HeaderName::Other(name) => &name.0,
                }
            }

            /// The name these bytes spell, in long or compact form and any case; `None` if they are no token.
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                if let [letter] = bytes {
                    return match letter.to_ascii_lowercase() {
                        $($($compact => Some(HeaderName::$variant),)?)*
                        _ => Self::other(bytes),
                    };
                }
                $(if bytes.len() == $text.len() && bytes.eq_ignore_ascii_case($text.as_bytes()) {
                    return Some(HeaderName::$variant);
                })*
                Self::other(bytes)
            }
        }
    };
}

names! {
    Via "Via" b'v'
    From "From" b'f'
    To "To" b't'
    CallId "Call-ID" b'i'
    CSeq "CSeq"
    MaxForwards "Max-Forwards"
    Contact "Contact" b'm'
    ContentLength "Content-Length" b'l'
    ContentType "Content-Type" b'c'
    ContentEncoding "Content-Encoding" b'e'
    ContentDisposition "Content-Disposition"
    Route "Route"
    RecordRoute "Record-Route"
    Allow "Allow"
    Supported "Supported" b'k'
    Require "Require"
    ProxyRequire "Proxy-Require"
    Unsupported "Unsupported"
    UserAgent "User-Agent"
    Server "Server"
    Accept "Accept"
    AcceptEncoding "Accept-Encoding"
    AcceptLanguage "Accept-Language"
    AlertInfo "Alert-Info"
    AllowEvents "Allow-Events" b'u'
    Authorization "Authorization"
    CallInfo "Call-Info"
    Date "Date"
    Diversion "Diversion"
    ErrorInfo "Error-Info"
    Event "Event" b'o'
    Expires "Expires"
    FlowTimer "Flow-Timer"
    HistoryInfo "History-Info"
    Identity "Identity" b'y'
    InReplyTo "In-Reply-To"
    MimeVersion "MIME-Version"
    MinExpires "Min-Expires"
    MinSe "Min-SE"
    Organization "Organization"
    PAssertedIdentity "P-Asserted-Identity"
    Path "Path"
    PChargingVector "P-Charging-Vector"
    PPreferredIdentity "P-Preferred-Identity"
    Priority "Priority"
    Privacy "Privacy"
    ProxyAuthenticate "Proxy-Authenticate"
    ProxyAuthorization "Proxy-Authorization"
    RAck "RAck"
    Reason "Reason"
    ReferredBy "Referred-By" b'b'
    ReferSub "Refer-Sub"
    ReferTo "Refer-To" b'r'
    RemotePartyId "Remote-Party-ID"
    Replaces "Replaces"
    ReplyTo "Reply-To"
    RetryAfter "Retry-After"
    RSeq "RSeq"
    ServiceRoute "Service-Route"
    SessionExpires "Session-Expires" b'x'
    Subject "Subject" b's'
    SubscriptionState "Subscription-State"
    Timestamp "Timestamp"
    Warning "Warning"
    WwwAuthenticate "WWW-Authenticate"
}

impl HeaderName {
    /// Whether a response repeats the header as the request has it (RFC 3261 section 8.2.6.2).
    pub(crate) fn is_repeated_in_responses(&self) -> bool {
        matches!(self, HeaderName::Via | HeaderName::From | HeaderName::To | HeaderName::CallId | HeaderName::CSeq)
    }

    fn other(bytes: &[u8]) -> Option<Self> {
        if !is_token(bytes) {
            return None;
        }
        let text = std::str::from_utf8(bytes).ok()?;
        Some(HeaderName::Other(ExtensionName(text.into())))
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ExtensionName {
    fn folded(&self) -> impl Iterator<Item = u8> {
        self.0.bytes().map(|byte| byte.to_ascii_lowercase())
    }
}

impl PartialEq for ExtensionName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for ExtensionName {}

impl PartialOrd for ExtensionName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ExtensionName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(other.folded())
    }
}

impl Hash for ExtensionName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.folded() {
            state.write_u8(byte);
        }
    }
}
