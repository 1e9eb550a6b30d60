/** What can be set of a trunk, out of what is shown. Passwords are never read back: left out, they stay as they are. */
import type { Schema } from '@/api/client'
import type { Trunk } from '@/api/organisation'

export type TrunkInput = Schema['TrunkInput']

export function inputOf(trunk: Trunk): TrunkInput {
  const { name, host, port, transport, username, caller_ids, register, enabled, max_channels, calls_per_minute, caller_id_calls_per_minute, caller_id_max_calls, inbound_assistant_id, identity_policy, attestation, inbound_sources, inbound_numbers, inbound_reserve, srtp, codecs, numbers, callers, options_s, large_over_tcp, redirects, replaces, external_signalling, external_media, dtmf } = trunk
  return {
    name, host, port: port ?? null, transport, username: username ?? null, caller_ids, register, enabled, max_channels, calls_per_minute,
    caller_id_calls_per_minute: caller_id_calls_per_minute ?? null, caller_id_max_calls: caller_id_max_calls ?? null, inbound_assistant_id: inbound_assistant_id ?? null,
    identity_policy, attestation, inbound_auth: trunk.inbound_auth ? { username: trunk.inbound_auth.username } : null, inbound_sources, inbound_numbers, inbound_reserve,
    srtp, codecs, numbers, callers, options_s, large_over_tcp, redirects, replaces, external_signalling: external_signalling ?? null, external_media: external_media ?? null, dtmf,
  }
}

/** An empty text field is no value. */
export function tidied(input: TrunkInput): TrunkInput {
  return {
    ...input,
    host: input.host?.trim() || null,
    username: input.username?.trim() || null,
    ...(input.password ? {} : { password: undefined }),
    external_signalling: input.external_signalling?.trim() || null,
    external_media: input.external_media?.trim() || null,
  }
}
