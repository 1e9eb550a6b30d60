/** Which live calls are shown, and how each stands in one word. */
import type { LiveCall } from '@/api/calls'

export const VIEWS = ['all', 'talking', 'ringing', 'person'] as const
export type View = (typeof VIEWS)[number]

/** One word for where a call is: who speaks counts more than how far it has come. */
export type Standing = 'dialing' | 'ringing' | 'answered' | 'talking' | 'muted' | 'taken_over' | 'handed_over'

export function standing(call: Pick<LiveCall, 'stage' | 'speaks' | 'muted' | 'taken_over'>): Standing {
  if (call.taken_over || call.speaks === 'supervisor') return 'taken_over'
  if (call.stage === 'handed_over' || call.speaks === 'person') return 'handed_over'
  if (call.stage === 'dialing' || call.stage === 'ringing') return call.stage
  if (call.muted) return 'muted'
  return call.stage === 'answered' ? 'answered' : 'talking'
}

const VIEW_OF: Record<Standing, View> = {
  dialing: 'ringing', ringing: 'ringing', answered: 'talking', talking: 'talking', muted: 'talking', taken_over: 'person', handed_over: 'person',
}

export function viewOf(call: LiveCall): View {
  return VIEW_OF[standing(call)]
}

export interface LiveFilter {
  view: View
  search: string
  assistant: string | undefined
  trunk: string | undefined
}

/** The search looks in numbers, however they were typed. */
export function shown(calls: readonly LiveCall[], filter: LiveFilter): LiveCall[] {
  const digits = filter.search.replace(/\D/g, '')
  const text = filter.search.trim()
  return calls.filter(
    (call) =>
      (filter.view === 'all' || viewOf(call) === filter.view) &&
      (filter.assistant === undefined || call.assistant_id === filter.assistant) &&
      (filter.trunk === undefined || call.trunk_id === filter.trunk) &&
      (text === '' || (digits !== '' && [call.contact, call.ours].some((number) => number?.replace(/\D/g, '').includes(digits)))),
  )
}

export function counts(calls: readonly LiveCall[]): Record<View, number> {
  const all: Record<View, number> = { all: calls.length, talking: 0, ringing: 0, person: 0 }
  for (const call of calls) all[viewOf(call)] += 1
  return all
}
