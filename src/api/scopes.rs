//! What a key may do, route by route.

use axum::http::Method;

use crate::campaign::wire::wire_enum;

wire_enum! {
    /// What a key may do.
    pub enum Scope is "scope" {
        /// Everything, keys included.
        Admin = "admin",
        /// Read contacts, consents and suppressions.
        ContactsRead = "contacts:read",
        /// Change contacts, consents and suppressions.
        ContactsWrite = "contacts:write",
        /// Read campaigns, their contacts, runs and attempts, and the events.
        CampaignsRead = "campaigns:read",
        /// Change campaigns and who is in them.
        CampaignsWrite = "campaigns:write",
        /// Start, pause, resume, stop and cancel campaigns, and place a call at once.
        CampaignsControl = "campaigns:control",
        /// Read calls, with what was said in them, their recordings and their SIP messages.
        CallsRead = "calls:read",
        /// Step into live calls, and end them.
        CallsControl = "calls:control",
        /// Listen to live calls.
        CallsListen = "calls:listen",
        /// Talk to assistants from a browser.
        CallsTalk = "calls:talk",
        /// Read assistants and their documents.
        AssistantsRead = "assistants:read",
        /// Change assistants and their documents.
        AssistantsWrite = "assistants:write",
        /// Read trunks, vendors and the calling policy.
        SettingsRead = "settings:read",
        /// Change trunks, vendors and the calling policy.
        SettingsWrite = "settings:write",
    }
}

/// The scopes of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u32);

impl Scopes {
    /// Those of these names that this version knows.
    #[must_use]
    pub fn of(names: &[String]) -> Self {
        names.iter().filter_map(|name| name.parse().ok()).fold(Self::default(), Self::and)
    }

    const fn and(self, scope: Scope) -> Self {
        Self(self.0 | 1 << scope as u32)
    }

    /// Whether a key with these may do it.
    #[must_use]
    pub const fn allow(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u32 | 1 << Scope::Admin as u32) != 0
    }
}

/// Every route with what it needs. Whatever is not here needs [`Scope::Admin`].
pub const ROUTES: &[(&str, &str, Scope)] = {
    use Scope as S;
    &[
        ("GET", "/api/v1/api-keys", S::Admin),
        ("POST", "/api/v1/api-keys", S::Admin),
        ("DELETE", "/api/v1/api-keys/{id}", S::Admin),
        ("GET", "/api/v1/assistants", S::AssistantsRead),
        ("POST", "/api/v1/assistants", S::AssistantsWrite),
        ("GET", "/api/v1/assistants/{id}", S::AssistantsRead),
        ("PUT", "/api/v1/assistants/{id}", S::AssistantsWrite),
        ("DELETE", "/api/v1/assistants/{id}", S::AssistantsWrite),
        ("POST", "/api/v1/assistants/{id}/talk", S::CallsTalk),
        ("POST", "/api/v1/assistants/{id}/talk/token", S::CallsTalk),
        ("PATCH", "/api/v1/assistants/{id}/talk/{session_id}", S::CallsTalk),
        ("DELETE", "/api/v1/assistants/{id}/talk/{session_id}", S::CallsTalk),
        ("GET", "/api/v1/attempts/{id}", S::CampaignsRead),
        ("GET", "/api/v1/attempts/{id}/sip", S::CallsRead),
        ("GET", "/api/v1/attempts/{id}/sip.pcap", S::CallsRead),
        ("GET", "/api/v1/bulk/{id}", S::CampaignsRead),
        ("GET", "/api/v1/bulk/{id}/contacts", S::CampaignsRead),
        ("POST", "/api/v1/bulk/{id}/undo", S::CampaignsWrite),
        ("GET", "/api/v1/callbacks", S::CampaignsRead),
        ("GET", "/api/v1/calls", S::CallsRead),
        ("GET", "/api/v1/calls/live", S::CallsRead),
        ("GET", "/api/v1/calls/{id}", S::CallsRead),
        ("POST", "/api/v1/calls/{id}/hang_up", S::CallsControl),
        ("GET", "/api/v1/calls/{id}/listen", S::CallsListen),
        ("POST", "/api/v1/calls/{id}/listen", S::CallsListen),
        ("GET", "/api/v1/calls/{id}/live", S::CallsRead),
        ("POST", "/api/v1/calls/{id}/mute", S::CallsControl),
        ("POST", "/api/v1/calls/{id}/note", S::CallsControl),
        ("POST", "/api/v1/calls/{id}/off_record", S::CallsControl),
        ("GET", "/api/v1/calls/{id}/recording", S::CallsRead),
        ("GET", "/api/v1/calls/{id}/replay", S::CallsRead),
        ("GET", "/api/v1/calls/{id}/sip", S::CallsRead),
        ("GET", "/api/v1/calls/{id}/sip.pcap", S::CallsRead),
        ("GET", "/api/v1/calls/{id}/waveform", S::CallsRead),
        ("POST", "/api/v1/calls/{id}/hand_back", S::CallsControl),
        ("POST", "/api/v1/calls/{id}/take_over", S::CallsControl),
        ("POST", "/api/v1/calls/{id}/take_over/token", S::CallsControl),
        ("PATCH", "/api/v1/calls/{id}/take_over/{session_id}", S::CallsControl),
        ("DELETE", "/api/v1/calls/{id}/take_over/{session_id}", S::CallsControl),
        ("POST", "/api/v1/calls/{id}/whep", S::CallsListen),
        ("PATCH", "/api/v1/calls/{id}/whep/{session_id}", S::CallsListen),
        ("DELETE", "/api/v1/calls/{id}/whep/{session_id}", S::CallsListen),
        ("GET", "/api/v1/calling-law", S::SettingsRead),
        ("GET", "/api/v1/calling-policy", S::SettingsRead),
        ("PUT", "/api/v1/calling-policy", S::SettingsWrite),
        ("GET", "/api/v1/campaigns", S::CampaignsRead),
        ("POST", "/api/v1/campaigns", S::CampaignsWrite),
        ("GET", "/api/v1/campaigns/{id}", S::CampaignsRead),
        ("PUT", "/api/v1/campaigns/{id}", S::CampaignsWrite),
        ("DELETE", "/api/v1/campaigns/{id}", S::CampaignsWrite),
        ("GET", "/api/v1/campaigns/{id}/contacts/total", S::CampaignsRead),
        ("GET", "/api/v1/campaigns/{id}/statistics", S::CampaignsRead),
        ("GET", "/api/v1/campaigns/{id}/attempts", S::CampaignsRead),
        ("POST", "/api/v1/campaigns/{id}/call", S::CampaignsControl),
        ("GET", "/api/v1/campaigns/{id}/calling-hours", S::CampaignsRead),
        ("POST", "/api/v1/campaigns/{id}/cancel", S::CampaignsControl),
        ("GET", "/api/v1/campaigns/{id}/contacts", S::CampaignsRead),
        ("POST", "/api/v1/campaigns/{id}/contacts", S::CampaignsWrite),
        ("POST", "/api/v1/campaigns/{id}/contacts/bulk", S::CampaignsWrite),
        ("GET", "/api/v1/campaigns/{id}/diagnosis", S::CampaignsRead),
        ("POST", "/api/v1/campaigns/{id}/duplicate", S::CampaignsWrite),
        ("GET", "/api/v1/campaigns/{id}/forecast", S::CampaignsRead),
        ("POST", "/api/v1/campaigns/{id}/forecast", S::CampaignsRead),
        ("POST", "/api/v1/campaigns/{id}/merge", S::CampaignsWrite),
        ("POST", "/api/v1/campaigns/{id}/pause", S::CampaignsControl),
        ("GET", "/api/v1/campaigns/{id}/progress", S::CampaignsRead),
        ("POST", "/api/v1/campaigns/{id}/resume", S::CampaignsControl),
        ("GET", "/api/v1/campaigns/{id}/runs", S::CampaignsRead),
        ("GET", "/api/v1/campaigns/{id}/runs/{run_id}/attempts.csv", S::CampaignsRead),
        ("POST", "/api/v1/campaigns/{id}/start", S::CampaignsControl),
        ("POST", "/api/v1/campaigns/{id}/stop", S::CampaignsControl),
        ("GET", "/api/v1/campaigns/{id}/suppression-lists", S::CampaignsRead),
        ("PUT", "/api/v1/campaigns/{id}/suppression-lists", S::CampaignsWrite),
        ("GET", "/api/v1/campaigns/{id}/trunks", S::CampaignsRead),
        ("PUT", "/api/v1/campaigns/{id}/trunks", S::CampaignsWrite),
        ("GET", "/api/v1/contacts", S::ContactsRead),
        ("POST", "/api/v1/contacts", S::ContactsWrite),
        ("POST", "/api/v1/contacts/import", S::ContactsWrite),
        ("GET", "/api/v1/contacts/{id}", S::ContactsRead),
        ("PUT", "/api/v1/contacts/{id}", S::ContactsWrite),
        ("DELETE", "/api/v1/contacts/{id}", S::ContactsWrite),
        ("GET", "/api/v1/consents", S::ContactsRead),
        ("POST", "/api/v1/consents", S::ContactsWrite),
        ("POST", "/api/v1/consents/{id}/withdraw", S::ContactsWrite),
        ("POST", "/api/v1/emergency-stop", S::CampaignsControl),
        ("GET", "/api/v1/events", S::CampaignsRead),
        ("GET", "/api/v1/events/stream", S::CampaignsRead),
        ("GET", "/api/v1/knowledge", S::AssistantsRead),
        ("POST", "/api/v1/knowledge", S::AssistantsWrite),
        ("POST", "/api/v1/knowledge/fetch", S::AssistantsWrite),
        ("POST", "/api/v1/knowledge/search", S::AssistantsRead),
        ("GET", "/api/v1/knowledge/{id}", S::AssistantsRead),
        ("PUT", "/api/v1/knowledge/{id}", S::AssistantsWrite),
        ("DELETE", "/api/v1/knowledge/{id}", S::AssistantsWrite),
        ("POST", "/api/v1/knowledge/{id}/refresh", S::AssistantsWrite),
        ("GET", "/api/v1/organisation/limits", S::SettingsRead),
        ("PUT", "/api/v1/organisation/limits", S::SettingsWrite),
        ("GET", "/api/v1/organisation/usage", S::SettingsRead),
        ("GET", "/api/v1/providers", S::SettingsRead),
        ("POST", "/api/v1/providers", S::SettingsWrite),
        ("GET", "/api/v1/providers/{id}", S::SettingsRead),
        ("PUT", "/api/v1/providers/{id}", S::SettingsWrite),
        ("DELETE", "/api/v1/providers/{id}", S::SettingsWrite),
        ("POST", "/api/v1/providers/{id}/test", S::SettingsWrite),
        ("GET", "/api/v1/recordings", S::SettingsRead),
        ("GET", "/api/v1/sip/guard", S::SettingsRead),
        ("POST", "/api/v1/sip/guard/bans", S::Admin),
        ("DELETE", "/api/v1/sip/guard/bans/{address}", S::Admin),
        ("GET", "/api/v1/routes", S::SettingsRead),
        ("POST", "/api/v1/routes", S::SettingsWrite),
        ("GET", "/api/v1/routes/{id}", S::SettingsRead),
        ("PUT", "/api/v1/routes/{id}", S::SettingsWrite),
        ("DELETE", "/api/v1/routes/{id}", S::SettingsWrite),
        ("GET", "/api/v1/suppression-lists", S::ContactsRead),
        ("POST", "/api/v1/suppression-lists", S::ContactsWrite),
        ("GET", "/api/v1/suppression-lists/{id}", S::ContactsRead),
        ("PUT", "/api/v1/suppression-lists/{id}", S::ContactsWrite),
        ("DELETE", "/api/v1/suppression-lists/{id}", S::ContactsWrite),
        ("PUT", "/api/v1/suppression-lists/{id}/numbers", S::ContactsWrite),
        ("GET", "/api/v1/suppressions", S::ContactsRead),
        ("POST", "/api/v1/suppressions", S::ContactsWrite),
        ("DELETE", "/api/v1/suppressions/{id}", S::ContactsWrite),
        ("GET", "/api/v1/targets/{id}", S::CampaignsRead),
        ("POST", "/api/v1/targets/{id}/approve", S::CampaignsWrite),
        ("PUT", "/api/v1/targets/{id}/callback", S::CampaignsWrite),
        ("DELETE", "/api/v1/targets/{id}/callback", S::CampaignsWrite),
        ("PUT", "/api/v1/targets/{id}/overwrites", S::CampaignsWrite),
        ("POST", "/api/v1/targets/{id}/reject", S::CampaignsWrite),
        ("POST", "/api/v1/targets/{id}/remove", S::CampaignsWrite),
        ("POST", "/api/v1/targets/{id}/restart", S::CampaignsWrite),
        ("POST", "/api/v1/targets/{id}/resume", S::CampaignsWrite),
        ("POST", "/api/v1/targets/{id}/suspend", S::CampaignsWrite),
        ("GET", "/api/v1/trunk_groups", S::SettingsRead),
        ("POST", "/api/v1/trunk_groups", S::SettingsWrite),
        ("GET", "/api/v1/trunk_groups/{id}", S::SettingsRead),
        ("PUT", "/api/v1/trunk_groups/{id}", S::SettingsWrite),
        ("DELETE", "/api/v1/trunk_groups/{id}", S::SettingsWrite),
        ("GET", "/api/v1/caller-numbers", S::SettingsRead),
        ("GET", "/api/v1/numbers", S::SettingsRead),
        ("GET", "/api/v1/trunk_presets", S::SettingsRead),
        ("GET", "/api/v1/trunks", S::SettingsRead),
        ("POST", "/api/v1/trunks", S::SettingsWrite),
        ("GET", "/api/v1/trunks/{id}", S::SettingsRead),
        ("PUT", "/api/v1/trunks/{id}", S::SettingsWrite),
        ("DELETE", "/api/v1/trunks/{id}", S::SettingsWrite),
        ("POST", "/api/v1/trunks/{id}/preview", S::SettingsRead),
        ("POST", "/api/v1/trunks/{id}/resume", S::SettingsWrite),
        ("GET", "/api/v1/trunks/{id}/recorder", S::SettingsRead),
        ("PUT", "/api/v1/trunks/{id}/recorder", S::SettingsWrite),
        ("GET", "/api/v1/trunks/{id}/health", S::SettingsRead),
    ]
};

/// What a route needs.
#[must_use]
pub fn needed(method: &Method, path: &str) -> Scope {
    // Who may read a thing may ask for its headers.
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let route = ROUTES.iter().find(|(of, route, _)| *of == method && *route == path);
    route.map_or(Scope::Admin, |(.., scope)| *scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_do_what_its_scopes_say() {
        let key = Scopes::of(&["campaigns:read".to_owned(), "of a later version".to_owned()]);
        assert!(key.allow(Scope::CampaignsRead) && !key.allow(Scope::CampaignsWrite) && !key.allow(Scope::Admin));
        let admin = Scopes::of(&["admin".to_owned()]);
        assert!(Scope::ALL.iter().all(|scope| admin.allow(*scope)));
        assert!(!Scope::ALL.iter().any(|scope| Scopes::default().allow(*scope)));
    }

    #[test]
    fn what_is_not_in_the_table_is_for_admins() {
        assert_eq!(needed(&Method::PATCH, "/api/v1/contacts"), Scope::Admin);
        assert_eq!(needed(&Method::HEAD, "/api/v1/contacts"), Scope::ContactsRead);
    }

    #[test]
    fn the_table_has_each_route_once() {
        for (index, (method, path, _)) in ROUTES.iter().enumerate() {
            let again = ROUTES[index + 1..].iter().any(|(other, route, _)| other == method && route == path);
            assert!(!again, "{method} {path}");
        }
    }
}
