/** Filters of the list of calls, from the address to the question. */
import type { CallWish } from '@/api/calls'
import type { Schema } from '@/api/client'
import { listOf, type Search } from '@/app/search-params'

export const VIEWS = ['all', 'answered', 'unanswered', 'recorded'] as const
export type View = (typeof VIEWS)[number]

/** Milliseconds after the answer. */
const LENGTH: Record<string, Pick<CallWish, 'duration_ms_min' | 'duration_ms_max'>> = {
  short: { duration_ms_max: 9_999 },
  middle: { duration_ms_min: 10_000, duration_ms_max: 59_999 },
  long: { duration_ms_min: 60_000 },
}
export const LENGTHS = ['short', 'middle', 'long'] as const

const DAY = 86_400_000
const DAYS: Record<string, number> = { today: 0, week: 6, month: 29 }

/** The reasons that end up on a call; those of dials that never became one are not here. */
export const REASONS: Schema['DisconnectionReason'][] = [
  'user_hangup', 'agent_hangup', 'call_transfer', 'voicemail_reached', 'call_screened', 'user_declined', 'dial_no_answer', 'dial_busy', 'dial_failed',
  'invalid_phone_number', 'marked_as_spam', 'voice_calls_opted_out', 'inactivity', 'error_no_audio_received', 'max_duration_reached',
  'telephony_provider_unavailable', 'telephony_provider_permission_denied', 'node_lost', 'outcome_unknown', 'cancelled',
]

/** `today`: midnight where the person is, milliseconds since 1970. */
export function wishOf(search: Search, today: number): { wish: CallWish; view: View; filtered: boolean } {
  const view = VIEWS.find((one) => one === search.view) ?? 'all'
  const direction = listOf<Schema['Direction']>(search.direction)
  const reason = listOf<Schema['DisconnectionReason']>(search.reason)
  const by = listOf<Schema['AnsweredBy']>(search.by)
  const days = search.since === undefined ? undefined : DAYS[search.since]
  const wish: CallWish = {
    ...(view === 'answered' ? { answered: true } : view === 'unanswered' ? { answered: false } : view === 'recorded' ? { recorded: true } : {}),
    ...(direction.length > 0 ? { direction } : {}),
    ...(reason.length > 0 ? { reason } : {}),
    ...(by.length > 0 ? { answered_by: by } : {}),
    ...(search.q ? { search: search.q.replace(/[\s()/-]/g, '') } : {}),
    ...(search.campaign ? { campaign_id: search.campaign } : {}),
    ...(search.trunk ? { trunk_id: search.trunk } : {}),
    ...(search.contact ? { contact_id: search.contact } : {}),
    ...(search.length === undefined ? {} : LENGTH[search.length]),
    ...(days === undefined ? {} : { started_from: new Date(today - days * DAY).toISOString() }),
  }
  return { wish, view, filtered: Object.keys(wish).length > 0 }
}
