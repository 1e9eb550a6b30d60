/** Reads of calls, over and live, and the ways to step into a live one. */
import { queryOptions, type QueryClient } from '@tanstack/react-query'
import { api, read, type Schema } from './client'
import { asProblem } from './problem'
import { liveCallsQuery } from './organisation'
import type { paths } from './schema.gen'

export type Call = Schema['CallView']
export type CallDetail = Schema['CallDetail']
export type LiveCall = Schema['LiveCallView']
export type Line = Schema['Line']
export type Turn = Schema['TurnTiming']
export type SipLadder = Schema['SipLadder']
export type SipMessage = Schema['SipMessage']
export type Waveform = Schema['WaveformView']
export type CallWish = NonNullable<paths['/api/v1/calls']['get']['parameters']['query']>

const at = (id: string) => ({ params: { path: { id } } })

/** What is over does not change; only the recording is worked up within a minute. */
const SETTLED = 60_000

export const callsQuery = (query: CallWish) =>
  queryOptions({ queryKey: ['calls', 'list', query], queryFn: () => read(api.GET('/api/v1/calls', { params: { query } })) })

export const callQuery = (id: string) =>
  queryOptions({ queryKey: ['calls', 'one', id], queryFn: () => read(api.GET('/api/v1/calls/{id}', at(id))), staleTime: SETTLED })

/** `null`: there is none yet, or none at all. */
export const waveformQuery = (id: string) =>
  queryOptions({
    queryKey: ['calls', 'waveform', id],
    queryFn: () => absent(read(api.GET('/api/v1/calls/{id}/waveform', at(id)))),
    staleTime: SETTLED,
  })

/** `null`: nothing is kept of its messages, or no longer. */
export const ladderQuery = (id: string) =>
  queryOptions({
    queryKey: ['calls', 'sip', id],
    queryFn: () => absent(read(api.GET('/api/v1/calls/{id}/sip', at(id)) as Promise<{ data?: SipLadder }>)),
    staleTime: SETTLED,
  })

export const liveCallQuery = (id: string) =>
  queryOptions({ queryKey: ['calls', 'live-one', id], queryFn: () => read(api.GET('/api/v1/calls/{id}/live', at(id))), retry: false })

export const contactQuery = (id: string) =>
  queryOptions({ queryKey: ['contacts', 'one', id], queryFn: () => read(api.GET('/api/v1/contacts/{id}', at(id))), staleTime: 5 * SETTLED, retry: false })

/** Paths that the browser itself reads. */
export const recordingUrl = (id: string) => `/api/v1/calls/${id}/recording`
export const pcapUrl = (id: string) => `/api/v1/calls/${id}/sip.pcap`
export const ladderTextUrl = (id: string) => `/api/v1/calls/${id}/sip?format=text`
export const replayUrl = (id: string) => `/api/v1/calls/${id}/replay`

export type Step = 'mute' | 'unmute' | 'off_record' | 'on_record' | 'hand_back' | 'hang_up' | { note: string }

/** Steps into a live call; the answer is the call as it then is. Throws `Problem`. */
export async function stepIn(client: QueryClient, id: string, step: Step): Promise<LiveCall> {
  const call = await read(request(id, step))
  keepLive(client, call)
  return call
}

/** Puts a live call as it now is wherever it is shown. */
export function keepLive(client: QueryClient, call: LiveCall): void {
  client.setQueryData(liveCallQuery(call.id).queryKey, call)
  client.setQueryData(liveCallsQuery.queryKey, (all) => all && { ...all, items: all.items.map((one) => (one.id === call.id ? call : one)) })
}

function request(id: string, step: Step): Promise<{ data?: LiveCall }> {
  if (typeof step === 'object') return api.POST('/api/v1/calls/{id}/note', { ...at(id), body: { text: step.note } })
  switch (step) {
    case 'mute':
    case 'unmute':
      return api.POST('/api/v1/calls/{id}/mute', { ...at(id), body: { on: step === 'mute' } })
    case 'off_record':
    case 'on_record':
      return api.POST('/api/v1/calls/{id}/off_record', { ...at(id), body: { on: step === 'off_record' } })
    case 'hand_back':
      return api.POST('/api/v1/calls/{id}/hand_back', at(id))
    case 'hang_up':
      return api.POST('/api/v1/calls/{id}/hang_up', at(id))
  }
}

async function absent<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer
  } catch (error) {
    if (asProblem(error).status === 404) return null
    throw error
  }
}
