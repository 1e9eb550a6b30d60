//! What can be set of a trunk.

use garde::Validate;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::trunk_inbound::{InboundAuthInput, InboundNumberInput};
use crate::id::AssistantId;
use crate::stir::signer::SigningLevel;
use crate::stir::verdict::IdentityPolicy;
use crate::store::trunk::TrunkTransport;
use crate::trunk::callers::CallerRules;
use crate::trunk::media::{DtmfMode, SrtpPolicy, TrunkCodec};
use crate::trunk::numbers::NumberRules;
use crate::trunk::signalling::MAX_REDIRECTS;

/// What can be set of a trunk.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Carrier", "host": "sip.carrier.example", "caller_ids": ["+442079460999"], "max_channels": 50 }))]
pub struct TrunkInput {
    /// Name, unique in the organisation.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    pub(super) name: String,
    /// A preset of `GET /api/v1/trunk_presets`: it says what is not given here of `host`, `port`, `transport`, `numbers` and
    /// `callers`. It is not kept: later presets change no trunk.
    #[serde(default)]
    #[garde(length(max = 50))]
    pub(super) preset: Option<String>,
    /// Host name or IP address of the carrier; needed unless a preset has it. A name without a port is looked up as SIP asks
    /// for (RFC 3263): its SRV records name the servers and their order, and with `auto` its NAPTR records the transport;
    /// without any, its own addresses are used.
    #[serde(default)]
    #[garde(length(min = 1, max = 255), inner(custom(is_host)))]
    #[schema(examples("sip.carrier.example"))]
    pub(super) host: Option<String>,
    /// Port. Left out, the host's SRV records say, else it is 5060, or 5061 with TLS. With a port no SRV records are looked up.
    #[serde(default)]
    #[garde(range(min = 1))]
    pub(super) port: Option<u16>,
    /// How requests travel: `udp`, `tcp`, `tls`, or `auto` for what the records of `host` say, which is UDP where they say
    /// nothing. With TLS the certificate of every server has to name `host`.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>, default = "udp")]
    pub(super) transport: Option<TrunkTransport>,
    /// User name for digest authentication.
    #[serde(default)]
    #[garde(length(max = 200))]
    pub(super) username: Option<String>,
    /// Password for digest authentication; never read back. Left out on an update it stays as it is.
    #[serde(default)]
    #[garde(skip)]
    #[schema(value_type = Option<String>)]
    pub(super) password: Option<SecretString>,
    /// Numbers that calls may come from; 1 to 100.
    #[garde(length(min = 1, max = 100))]
    #[schema(min_items = 1, max_items = 100)]
    pub(super) caller_ids: Vec<String>,
    /// Register with the carrier, under `username`. How that goes is read in `registration`.
    #[serde(default)]
    #[garde(skip)]
    pub(super) register: bool,
    /// Whether the trunk may be used.
    #[serde(default = "yes")]
    #[garde(skip)]
    #[schema(default = true)]
    pub(super) enabled: bool,
    /// Simultaneous calls, 1 to 100000.
    #[serde(default = "thirty")]
    #[garde(range(min = 1, max = 100_000))]
    #[schema(default = 30)]
    pub(super) max_channels: u32,
    /// Calls started per minute, 1 to 60000.
    #[serde(default = "sixty")]
    #[garde(range(min = 1, max = 60_000))]
    #[schema(default = 60)]
    pub(super) calls_per_minute: u32,
    /// Calls started per minute from one caller ID; unlimited when it is left out.
    #[serde(default)]
    #[garde(range(min = 1, max = 60_000))]
    pub(super) caller_id_calls_per_minute: Option<u32>,
    /// Simultaneous calls from one caller ID; unlimited when it is left out.
    #[serde(default)]
    #[garde(range(min = 1, max = 100_000))]
    pub(super) caller_id_max_calls: Option<u32>,
    /// Who answers calls that come in over this trunk, from the address of `host`; without one they are refused.
    #[serde(default)]
    #[garde(skip)]
    pub(super) inbound_assistant_id: Option<AssistantId>,
    /// What is done about signatures of calls that come in (STIR/SHAKEN): nothing, keep with the call what they are worth,
    /// or refuse calls without one that holds.
    #[serde(default = "record")]
    #[garde(skip)]
    #[schema(default = "record")]
    pub(super) identity_policy: IdentityPolicy,
    /// How well calls over this trunk are vouched for at best, where the server has a key to sign them with. Only calls
    /// from `caller_ids` are vouched for in full (`A`); those from other numbers get `B`.
    #[serde(default = "full")]
    #[garde(skip)]
    #[schema(default = "A")]
    pub(super) attestation: SigningLevel,
    /// A name and a password that calls have to prove by digest before they come in, from wherever: for a branch office
    /// without an address of its own. The addresses of the trunk count for nothing then. Who registers with us from
    /// elsewhere has to prove the same.
    #[serde(default)]
    #[garde(dive)]
    pub(super) inbound_auth: Option<InboundAuthInput>,
    /// Addresses and networks that calls of this trunk come from, beside the addresses of `host`; at most 64.
    #[serde(default)]
    #[garde(length(max = 64))]
    #[schema(max_items = 64, examples(json!(["198.51.100.0/24"])))]
    pub(super) inbound_sources: Vec<String>,
    /// Who answers which numbers; the longest `number` that the called one begins with counts. The others are answered
    /// by `inbound_assistant_id`. At most 1000.
    #[serde(default)]
    #[garde(length(max = 1_000), dive)]
    #[schema(max_items = 1000)]
    pub(super) inbound_numbers: Vec<InboundNumberInput>,
    /// Channels that stay free for calls that come in: less than `max_channels`. No campaign dials over them.
    #[serde(default)]
    #[garde(range(max = 99_999))]
    pub(super) inbound_reserve: u32,
    /// How the carrier writes telephone numbers. `POST /api/v1/trunks/{id}/preview` shows what comes of it.
    #[serde(default)]
    #[garde(skip)]
    pub(super) numbers: Option<NumberRules>,
    /// How the carrier is told who calls, and what it is believed about callers.
    #[serde(default)]
    #[garde(skip)]
    pub(super) callers: Option<CallerRules>,
    /// Whether the audio of calls over this trunk is encrypted (SRTP with keys in SDP): `off`, `offered` to a carrier that
    /// may take it or leave it, or `required`, which needs `transport` `tls`.
    #[serde(default = "in_the_clear")]
    #[garde(skip)]
    #[schema(default = "off")]
    pub(super) srtp: SrtpPolicy,
    /// Codecs, the preferred one first: `pcmu`, `pcma`, `g722`, `opus`, `l16_8k`, `l16_16k`. The first of a carrier's offer
    /// that stands here is taken.
    #[serde(default = "usual_codecs")]
    #[garde(length(min = 1, max = 6))]
    #[schema(min_items = 1, max_items = 6, default = json!(["pcmu", "pcma"]))]
    pub(super) codecs: Vec<TrunkCodec>,
    /// Seconds between two OPTIONS to each server of the trunk, 5 to 3600, or 0 to ask none. When none answers, calls keep
    /// away until one does. Leave it at 0 for a carrier that does not answer OPTIONS.
    #[serde(default)]
    #[garde(custom(is_interval))]
    #[schema(default = 0, maximum = 3600)]
    pub(super) options_s: u32,
    /// Requests of more than 1300 bytes that are for UDP leave over TCP to the same address and port (RFC 3261 section
    /// 18.1.1), and over UDP after all where the connection is refused. Signed INVITEs are as large as that.
    #[serde(default)]
    #[garde(skip)]
    #[schema(default = false)]
    pub(super) large_over_tcp: bool,
    /// How often a call may be redirected (300, 301, 302) to the same number at another address, 0 to 4. Redirections to other
    /// numbers are not followed.
    #[serde(default)]
    #[garde(range(max = MAX_REDIRECTS))]
    #[schema(default = 0, maximum = 4)]
    pub(super) redirects: u32,
    /// A call that comes in over this trunk may take the place of one that is going on over it (INVITE with Replaces, RFC
    /// 3891), as when a switchboard connects whom we talk to with somebody else: the agent goes on with the new one.
    #[serde(default)]
    #[garde(skip)]
    #[schema(default = false)]
    pub(super) replaces: bool,
    /// The address, with a port where it differs from the listener's, at which the carrier sees our SIP: it stands in Via
    /// and Contact in place of what the listener advertises, towards peers of its address family.
    #[serde(default)]
    #[garde(length(max = 60))]
    #[schema(examples("203.0.113.7"))]
    pub(super) external_signalling: Option<String>,
    /// The address at which the carrier sees our audio: it stands in session descriptions in place of the listener's, where
    /// that is of its address family. The ports are those of this machine.
    #[serde(default)]
    #[garde(length(max = 60))]
    #[schema(examples("203.0.113.7"))]
    pub(super) external_media: Option<String>,
    /// How keys pressed are told and heard: `rfc4733` (telephone events; as sound to a carrier that takes none, and heard as
    /// events alone), `info` (SIP INFO with `application/dtmf-relay`), `inband` (as sound), or `auto`: told as with
    /// `rfc4733`, and heard in every way.
    #[serde(default)]
    #[garde(skip)]
    #[schema(default = "auto")]
    pub(super) dtmf: DtmfMode,
}

const fn in_the_clear() -> SrtpPolicy {
    SrtpPolicy::Off
}

fn usual_codecs() -> Vec<TrunkCodec> {
    TrunkCodec::USUAL.to_vec()
}

const fn record() -> IdentityPolicy {
    IdentityPolicy::Record
}

const fn full() -> SigningLevel {
    SigningLevel::A
}

const fn yes() -> bool {
    true
}

const fn thirty() -> u32 {
    30
}

const fn sixty() -> u32 {
    60
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that garde calls")]
fn is_interval(seconds: &u32, (): &()) -> garde::Result {
    if matches!(seconds, 0 | 5..=3600) {
        return Ok(());
    }
    Err(garde::Error::new("5 to 3600 seconds, or 0 to ask none"))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that garde calls")]
fn is_host(text: &str, (): &()) -> garde::Result {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if text.chars().all(plain) {
        return Ok(());
    }
    Err(garde::Error::new("a host name or an IP address, without scheme, port or spaces"))
}
