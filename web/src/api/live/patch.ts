/**
 * What an event changes in what has been read. Events name ids and states: a state that a row shows is put right at
 * once, and what an event does not say (times, counts, reasons in words) is read again, but not more often than every
 * `COUNTS` milliseconds.
 */
import type { QueryClient, QueryKey } from '@tanstack/react-query'
import type { Schema } from '../client'
import type { Event } from './topics'

type Page = { items: { id: string; state: string }[] }

/** Milliseconds between two reads of numbers that change with every call. */
const COUNTS = 2_000

const due = new WeakMap<QueryClient, Map<string, ReturnType<typeof setTimeout>>>()

export function applyEvents(client: QueryClient, events: readonly Event[]): void {
  const campaigns = new Set<string>()
  for (const event of events) {
    if (event.campaign_id) campaigns.add(event.campaign_id)
    if (event.to === null || event.to === undefined) continue
    if (event.kind === 'campaign.state' && event.campaign_id) {
      patchRow(client, ['campaigns', 'list'], event.campaign_id, event.to)
      patchOne(client, ['campaigns', 'one', event.campaign_id], event)
    }
    if (event.kind === 'target.state' && event.target_id) patchRow(client, ['campaigns', 'targets', event.campaign_id], event.target_id, event.to)
    if (event.kind === 'attempt.state' && event.attempt_id) patchRow(client, ['campaigns', 'attempts', event.campaign_id], event.attempt_id, event.to)
  }
  for (const id of campaigns) {
    const kinds = new Set(events.filter((event) => event.campaign_id === id).map((event) => event.kind))
    for (const key of staleAfter(id, kinds)) soon(client, key)
  }
}

/** Everything that live pages show is read anew. */
export function readAnew(client: QueryClient): void {
  void client.invalidateQueries({ queryKey: ['campaigns'] })
  void client.invalidateQueries({ queryKey: ['calls'] })
  void client.invalidateQueries({ queryKey: ['organisation'] })
}

function staleAfter(campaign: string, kinds: Set<Event['kind']>): QueryKey[] {
  const keys: QueryKey[] = [['campaigns', 'progress', campaign], ['campaigns', 'diagnosis', campaign]]
  if (kinds.has('campaign.state') || kinds.has('campaign.start_failed')) keys.push(['campaigns', 'one', campaign], ['campaigns', 'list'], ['organisation'])
  if (kinds.has('campaign.round')) keys.push(['campaigns', 'runs', campaign])
  if (kinds.has('target.state') || kinds.has('target.hold') || kinds.has('target.callback_missed')) keys.push(['campaigns', 'targets', campaign])
  if (kinds.has('attempt.state')) keys.push(['campaigns', 'attempts', campaign], ['calls', 'live'])
  return keys
}

/** Reads again once, `COUNTS` from the first wish; further wishes until then change nothing. */
function soon(client: QueryClient, queryKey: QueryKey): void {
  const timers = due.get(client) ?? new Map<string, ReturnType<typeof setTimeout>>()
  due.set(client, timers)
  const name = JSON.stringify(queryKey)
  if (timers.has(name)) return
  timers.set(
    name,
    setTimeout(() => {
      timers.delete(name)
      void client.invalidateQueries({ queryKey })
    }, COUNTS),
  )
}

function patchRow(client: QueryClient, queryKey: QueryKey, id: string, state: string): void {
  client.setQueriesData<Page>({ queryKey }, (page) => {
    if (!page?.items.some((item) => item.id === id && item.state !== state)) return page
    return { ...page, items: page.items.map((item) => (item.id === id ? { ...item, state } : item)) }
  })
}

function patchOne(client: QueryClient, queryKey: QueryKey, event: Event): void {
  client.setQueryData<Schema['CampaignView']>(queryKey, (campaign) =>
    campaign && { ...campaign, state: event.to as Schema['CampaignState'], pause_reason: (event.reason ?? null) as Schema['PauseReason'] | null },
  )
}
