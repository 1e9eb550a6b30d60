//! What a key, or a user, may do, route by route.

use axum::http::Method;

use crate::access::Role;
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
        /// Read calls, with what was said in them and their SIP messages. For a key the recordings as well.
        CallsRead = "calls:read",
        /// Hear recordings of calls.
        RecordingsRead = "recordings:read",
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

/// The scopes of a key or a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u32);

impl Scopes {
    /// Those of these names that this version knows. A key that may read calls hears their recordings, as it always has.
    #[must_use]
    pub fn of(names: &[String]) -> Self {
        let scopes = names.iter().filter_map(|name| name.parse().ok()).fold(Self::default(), Self::and);
        if scopes.allow(Scope::CallsRead) { scopes.and(Scope::RecordingsRead) } else { scopes }
    }

    /// What a user of this role may do.
    #[must_use]
    pub fn of_role(role: Role) -> Self {
        use Scope as S;
        let scopes: &[Scope] = match role {
            Role::Admin => &[S::Admin],
            Role::Manager => &[
                S::ContactsRead,
                S::ContactsWrite,
                S::CampaignsRead,
                S::CampaignsWrite,
                S::CampaignsControl,
                S::CallsRead,
                S::RecordingsRead,
                S::CallsControl,
                S::CallsListen,
                S::CallsTalk,
                S::AssistantsRead,
                S::AssistantsWrite,
                S::SettingsRead,
            ],
            Role::Supervisor => &[
                S::ContactsRead,
                S::ContactsWrite,
                S::CampaignsRead,
                S::CallsRead,
                S::RecordingsRead,
                S::CallsControl,
                S::CallsListen,
                S::CallsTalk,
            ],
            Role::Viewer => &[S::ContactsRead, S::CampaignsRead, S::CallsRead, S::AssistantsRead, S::SettingsRead],
        };
        scopes.iter().copied().fold(Self::default(), Self::and)
    }

    /// Everything that these allow, by name.
    #[must_use]
    pub fn names(self) -> Vec<Scope> {
        Scope::ALL.iter().copied().filter(|scope| self.allow(*scope)).collect()
    }

    const fn and(self, scope: Scope) -> Self {
        Self(self.0 | 1 << scope as u32)
    }

    /// Whether who has these may do it.
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
        ("GET", "/api/v1/calls/{id}/recording", S::RecordingsRead),
        ("GET", "/api/v1/calls/{id}/replay", S::RecordingsRead),
        ("GET", "/api/v1/calls/{id}/sip", S::CallsRead),
        ("GET", "/api/v1/calls/{id}/sip.pcap", S::CallsRead),
        ("GET", "/api/v1/calls/{id}/waveform", S::RecordingsRead),
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
        ("POST", "/api/v1/campaigns/{id}/lists", S::CampaignsWrite),
        ("GET", "/api/v1/cases", S::ContactsRead),
        ("POST", "/api/v1/cases", S::ContactsWrite),
        ("POST", "/api/v1/cases/bulk", S::ContactsWrite),
        ("GET", "/api/v1/cases/{id}", S::ContactsRead),
        ("PUT", "/api/v1/cases/{id}", S::ContactsWrite),
        ("DELETE", "/api/v1/cases/{id}", S::ContactsWrite),
        ("GET", "/api/v1/cases/{id}/places", S::ContactsRead),
        ("GET", "/api/v1/case-types", S::ContactsRead),
        ("POST", "/api/v1/case-types", S::ContactsWrite),
        ("PUT", "/api/v1/case-types/{id}", S::ContactsWrite),
        ("DELETE", "/api/v1/case-types/{id}", S::ContactsWrite),
        ("GET", "/api/v1/case-statuses", S::ContactsRead),
        ("POST", "/api/v1/case-statuses", S::ContactsWrite),
        ("PUT", "/api/v1/case-statuses/{id}", S::ContactsWrite),
        ("DELETE", "/api/v1/case-statuses/{id}", S::ContactsWrite),
        ("GET", "/api/v1/lists", S::ContactsRead),
        ("POST", "/api/v1/lists", S::ContactsWrite),
        ("GET", "/api/v1/lists/{id}", S::ContactsRead),
        ("PUT", "/api/v1/lists/{id}", S::ContactsWrite),
        ("DELETE", "/api/v1/lists/{id}", S::ContactsWrite),
        ("POST", "/api/v1/lists/{id}/members", S::ContactsWrite),
        ("GET", "/api/v1/lists/{id}/quality", S::ContactsRead),
        ("GET", "/api/v1/imports", S::ContactsRead),
        ("POST", "/api/v1/imports", S::ContactsWrite),
        ("GET", "/api/v1/imports/{id}", S::ContactsRead),
        ("DELETE", "/api/v1/imports/{id}", S::ContactsWrite),
        ("GET", "/api/v1/imports/{id}/preview", S::ContactsRead),
        ("PUT", "/api/v1/imports/{id}/reading", S::ContactsWrite),
        ("PUT", "/api/v1/imports/{id}/plan", S::ContactsWrite),
        ("POST", "/api/v1/imports/{id}/start", S::ContactsWrite),
        ("POST", "/api/v1/imports/{id}/cancel", S::ContactsWrite),
        ("POST", "/api/v1/imports/{id}/undo", S::ContactsWrite),
        ("GET", "/api/v1/imports/{id}/log", S::ContactsRead),
        ("GET", "/api/v1/imports/{id}/failed.csv", S::ContactsRead),
        ("GET", "/api/v1/import-mappings", S::ContactsRead),
        ("POST", "/api/v1/import-mappings", S::ContactsWrite),
        ("DELETE", "/api/v1/import-mappings/{id}", S::ContactsWrite),
        ("GET", "/api/v1/people-jobs/{id}", S::ContactsRead),
        ("POST", "/api/v1/contacts/bulk", S::ContactsWrite),
        ("GET", "/api/v1/contacts/total", S::ContactsRead),
        ("GET", "/api/v1/contacts/{id}/timeline", S::ContactsRead),
        ("GET", "/api/v1/tags", S::ContactsRead),
        ("POST", "/api/v1/tags", S::ContactsWrite),
        ("PUT", "/api/v1/tags/{id}", S::ContactsWrite),
        ("DELETE", "/api/v1/tags/{id}", S::ContactsWrite),
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
        ("GET", "/api/v1/users", S::Admin),
        ("POST", "/api/v1/users", S::Admin),
        ("GET", "/api/v1/users/{id}", S::Admin),
        ("PUT", "/api/v1/users/{id}", S::Admin),
        ("DELETE", "/api/v1/users/{id}", S::Admin),
        ("POST", "/api/v1/users/{id}/invitation", S::Admin),
    ]
};

/// Routes for whoever is signed in, of whatever role: they are about nobody else.
pub const PERSONAL: &[(&str, &str)] = &[
    ("GET", "/api/v1/preferences"),
    ("PUT", "/api/v1/preferences/{key}"),
    ("DELETE", "/api/v1/preferences/{key}"),
    ("GET", "/api/v1/session"),
    ("DELETE", "/api/v1/session"),
    ("PUT", "/api/v1/session/user"),
];

/// Routes for everybody: what they need is in the request.
pub const OPEN: &[(&str, &str)] = &[
    ("GET", "/api/v1/invitations/{token}"),
    ("POST", "/api/v1/invitations/{token}"),
    ("POST", "/api/v1/session"),
    ("GET", "/api/v1/setup"),
    ("POST", "/api/v1/setup"),
];

/// Whether a route is for whoever is signed in.
#[must_use]
pub fn is_personal(method: &Method, path: &str) -> bool {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    PERSONAL.iter().any(|(of, route)| *of == method && *route == path)
}

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
    fn a_role_is_a_set_of_scopes() {
        let may = |role, scope| Scopes::of_role(role).allow(scope);
        assert_eq!(Scopes::of_role(Role::Admin).names(), Scope::ALL);
        for role in [Role::Manager, Role::Supervisor, Role::Viewer] {
            assert!(!may(role, Scope::Admin) && !may(role, Scope::SettingsWrite), "{role}");
        }
        assert!(may(Role::Manager, Scope::CampaignsControl) && may(Role::Manager, Scope::AssistantsWrite));
        assert!(!may(Role::Supervisor, Scope::CampaignsControl) && may(Role::Supervisor, Scope::CallsControl));
        assert!(Scopes::of_role(Role::Viewer).names().iter().all(|scope| scope.as_str().ends_with(":read")));
    }

    #[test]
    fn who_reads_calls_hears_them_with_a_key_and_not_as_a_viewer() {
        let key = Scopes::of(&["calls:read".to_owned()]);
        assert!(key.allow(Scope::RecordingsRead));
        let viewer = Scopes::of_role(Role::Viewer);
        assert!(viewer.allow(Scope::CallsRead) && !viewer.allow(Scope::RecordingsRead));
        assert!(!Scopes::of(&["recordings:read".to_owned()]).allow(Scope::CallsRead));
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
            let elsewhere = PERSONAL.iter().chain(OPEN).any(|(other, route)| other == method && route == path);
            assert!(!elsewhere, "{method} {path} needs a scope or none");
        }
    }
}
