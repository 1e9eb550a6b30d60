import { QueryClient } from '@tanstack/react-query'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { applyEvents } from './patch'
import type { Event } from './topics'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const event = (more: Partial<Event>): Event => ({ cursor: 'c', kind: 'target.state', at: '2026-11-22T20:00:00Z', campaign_id: 'a', ...more }) as Event

it('puts the state of a row right at once, and leaves the others as they are', () => {
  const client = new QueryClient()
  const other = { id: 't2', state: 'waiting' }
  client.setQueryData(['campaigns', 'targets', 'a', {}], { items: [{ id: 't1', state: 'ready' }, other], next: null })
  client.setQueryData(['campaigns', 'targets', 'b', {}], { items: [{ id: 't1', state: 'ready' }], next: null })
  applyEvents(client, [event({ target_id: 't1', to: 'in_progress' })])
  const rows = client.getQueryData<{ items: object[] }>(['campaigns', 'targets', 'a', {}])!.items
  expect(rows[0]).toEqual({ id: 't1', state: 'in_progress' })
  expect(rows[1]).toBe(other)
  expect(client.getQueryData<{ items: { state: string }[] }>(['campaigns', 'targets', 'b', {}])!.items[0]!.state).toBe('ready')
})

it('tells the pause of a campaign with its reason', () => {
  const client = new QueryClient()
  client.setQueryData(['campaigns', 'one', 'a'], { id: 'a', state: 'in_progress', pause_reason: null })
  applyEvents(client, [event({ kind: 'campaign.state', to: 'paused', reason: 'trunk_down' })])
  expect(client.getQueryData(['campaigns', 'one', 'a'])).toMatchObject({ state: 'paused', pause_reason: 'trunk_down' })
})

it('reads counts again once for many events', () => {
  const client = new QueryClient()
  client.setQueryData(['campaigns', 'progress', 'a'], {})
  const invalidated = vi.spyOn(client, 'invalidateQueries')
  for (let at = 0; at < 20; at += 1) applyEvents(client, [event({ target_id: 't', to: 'done' })])
  expect(invalidated).not.toHaveBeenCalled()
  vi.advanceTimersByTime(2_000)
  const keys = invalidated.mock.calls.map(([filter]) => JSON.stringify(filter?.queryKey))
  expect(keys.filter((key) => key === '["campaigns","progress","a"]')).toHaveLength(1)
})
