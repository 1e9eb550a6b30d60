//! From what was asked for to what is stored, or everything that is wrong with it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use secrecy::SecretString;

use super::input::TrunkInput;
use crate::api::error::{ApiError, FieldFault};
use crate::api::trunk_inbound;
use crate::campaign::phone::E164;
use crate::store::trunk::{TrunkData, TrunkTransport};
use crate::store::trunk_inbound as stored;
use crate::trunk::callers::Wording;
use crate::trunk::media::{MediaTerms, SrtpPolicy};
use crate::trunk::numbers::RuleFault;
use crate::trunk::presets;
use crate::trunk::signalling::{self, Signalling};

/// What is to be stored of a trunk and of who calls in over it. Passwords that are not given stay the old ones.
pub(super) fn parse(
    mut input: TrunkInput,
    old_password: Option<SecretString>,
    old_auth: Option<stored::InboundAuth>,
) -> Result<(TrunkData, stored::TrunkInbound), ApiError> {
    let mut faults = Vec::new();
    input.fill(&mut faults);
    check_media(&input, &mut faults);
    let external_media = media_address(&input, &mut faults);
    let signalling = signalling(&input, &mut faults);
    let (writing, callers) = (input.numbers.unwrap_or_default(), input.callers.unwrap_or_default());
    let mut numbers = BTreeSet::new();
    let mut caller_ids = Vec::new();
    for (index, text) in input.caller_ids.iter().enumerate() {
        let mut fault = |code: &str, reason: String| {
            faults.push(FieldFault { pointer: format!("/caller_ids/{index}"), code: code.to_owned(), reason });
        };
        match E164::parse(text, None) {
            Ok(number) if numbers.insert(number.clone()) => caller_ids.push(number),
            Ok(_) => fault("duplicate", "stands here twice".to_owned()),
            Err(error) => fault("invalid_phone", error.to_string()),
        }
    }
    let password = input.password.or(old_password);
    if input.username.is_some() != password.is_some() {
        faults.push(FieldFault {
            pointer: if password.is_some() { "/username" } else { "/password" }.to_owned(),
            code: "missing_field".to_owned(),
            reason: "a user name and a password are needed together".to_owned(),
        });
    }
    if input.register && input.username.is_none() {
        faults.push(FieldFault {
            pointer: "/username".to_owned(),
            code: "missing_field".to_owned(),
            reason: "registering needs a user name and a password".to_owned(),
        });
    }
    let asked = trunk_inbound::Asked {
        auth: input.inbound_auth,
        sources: input.inbound_sources,
        numbers: input.inbound_numbers,
        reserve: input.inbound_reserve,
        max_channels: input.max_channels,
        before: old_auth,
    };
    let inbound = trunk_inbound::parse(asked, &mut faults);
    let within = |field: &'static str| {
        move |fault: RuleFault| FieldFault {
            pointer: format!("/{field}{}", fault.pointer),
            code: fault.code.to_owned(),
            reason: fault.reason,
        }
    };
    faults.extend(writing.faults().into_iter().map(within("numbers")));
    faults.extend(callers.faults(input.username.is_some()).into_iter().map(within("callers")));
    if !faults.is_empty() {
        return Err(ApiError::Invalid(faults));
    }
    let data = TrunkData {
        name: input.name,
        host: input.host.unwrap_or_default(),
        port: input.port,
        transport: input.transport.unwrap_or(TrunkTransport::Udp),
        username: input.username,
        password,
        caller_ids,
        register: input.register,
        enabled: input.enabled,
        max_channels: input.max_channels,
        calls_per_minute: input.calls_per_minute,
        caller_id_calls_per_minute: input.caller_id_calls_per_minute,
        caller_id_max_calls: input.caller_id_max_calls,
        inbound_assistant: input.inbound_assistant_id,
        identity_policy: input.identity_policy,
        attestation: input.attestation,
        media: MediaTerms { srtp: input.srtp, codecs: input.codecs, dtmf: input.dtmf, external: external_media },
        wording: Wording { numbers: writing, callers },
        options_s: input.options_s,
        signalling,
    };
    Ok((data, inbound))
}

impl TrunkInput {
    /// Says what is not given as its preset has it.
    fn fill(&mut self, faults: &mut Vec<FieldFault>) {
        let mut fault = |pointer: &str, code: &str, reason: &str| {
            let (pointer, code, reason) = (pointer.to_owned(), code.to_owned(), reason.to_owned());
            faults.push(FieldFault { pointer, code, reason });
        };
        if let Some(name) = &self.preset {
            match presets::find(name) {
                Some(preset) => {
                    // A port belongs to its transport.
                    if self.transport.is_none() {
                        self.transport = preset.transport;
                        self.port = self.port.or(preset.port);
                    }
                    self.host = self.host.take().or_else(|| preset.host.clone());
                    self.numbers.get_or_insert_with(|| preset.numbers.clone());
                    self.callers.get_or_insert_with(|| preset.callers.clone());
                }
                None => fault("/preset", "not_found", "there is no such preset: GET /api/v1/trunk_presets lists them"),
            }
        }
        if self.host.is_none() {
            fault("/host", "missing_field", "give the carrier's host name or IP address");
        }
    }
}

fn check_media(input: &TrunkInput, faults: &mut Vec<FieldFault>) {
    let mut fault = |pointer: String, code: &str, reason: &str| {
        faults.push(FieldFault { pointer, code: code.to_owned(), reason: reason.to_owned() });
    };
    for (index, codec) in input.codecs.iter().enumerate() {
        if input.codecs[..index].contains(codec) {
            fault(format!("/codecs/{index}"), "duplicate", "stands here twice");
        }
    }
    if input.srtp == SrtpPolicy::Required && input.transport != Some(TrunkTransport::Tls) {
        let reason = "needs the transport tls: by udp and tcp the keys of the audio would travel in the open; \
                      set transport to tls, or srtp to offered";
        fault("/srtp".to_owned(), "needs_tls", reason);
    }
}

fn media_address(input: &TrunkInput, faults: &mut Vec<FieldFault>) -> Option<IpAddr> {
    let text = input.external_media.as_deref()?;
    let address = text.parse().ok().filter(|address| signalling::is_reachable(*address));
    if address.is_none() {
        let reason = "write an IP address without a port: the ports of audio are those of this machine \
                      (media.port_min to media.port_max)";
        faults.push(FieldFault {
            pointer: "/external_media".to_owned(),
            code: "address".to_owned(),
            reason: reason.to_owned(),
        });
    }
    address
}

fn signalling(input: &TrunkInput, faults: &mut Vec<FieldFault>) -> Signalling {
    let mut fault = |pointer: &str, code: &str, reason: &str| {
        let (pointer, code, reason) = (pointer.to_owned(), code.to_owned(), reason.to_owned());
        faults.push(FieldFault { pointer, code, reason });
    };
    let external = input.external_signalling.as_deref().map(signalling::external);
    if external == Some(None) {
        let reason = "write an IP address, with a port where it differs from the listener's: 203.0.113.7 or \
                      203.0.113.7:5070";
        fault("/external_signalling", "address", reason);
    }
    if input.large_over_tcp && matches!(input.transport, Some(TrunkTransport::Tcp | TrunkTransport::Tls)) {
        let reason = "is for requests by udp, and all of this trunk's leave over a connection: leave it out, or set \
                      transport to udp or auto";
        fault("/large_over_tcp", "unused", reason);
    }
    Signalling {
        large_over_tcp: input.large_over_tcp,
        external: external.flatten(),
        redirects: input.redirects,
        replaces: input.replaces,
    }
}
