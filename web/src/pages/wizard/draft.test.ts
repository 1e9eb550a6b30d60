import { describe, expect, it } from 'vitest'
import { furthest, inputFrom, missing, newDraft, reachable, stepOfPointer, type Draft } from './draft'
import { instantOf } from './wall'

const NOW = Date.parse('2026-11-22T20:00:00Z')
const whole: Draft = { ...newDraft('Europe/Berlin', 'A visit'), name: 'Spring', assistant_id: 'a', trunk_id: 't', caller_id: '+4930555' }

describe('what is missing', () => {
  it('is nothing in a whole draft', () => {
    for (const step of ['details', 'who', 'assistant', 'when', 'dialing'] as const) expect(missing(step, whole, NOW)).toEqual([])
    expect(furthest(whole, NOW)).toBe('review')
  })

  it('is told by step', () => {
    expect(missing('details', { ...whole, name: ' ', goal: '' }, NOW)).toEqual(['name', 'goal'])
    expect(missing('details', { ...whole, schedule: { time_zone: 'UTC', period_start: '2027-01-02', period_end: '2027-01-01' } }, NOW)).toEqual(['period'])
    expect(missing('assistant', { ...whole, assistant_id: undefined, caller_id: null }, NOW)).toEqual(['assistant', 'caller_id'])
    expect(missing('when', { ...whole, schedule: { time_zone: 'UTC', runs: [{ days: { weekdays: [] } }] } }, NOW)).toEqual(['days'])
  })

  it('looks at a start on the clocks of its zone', () => {
    const at = (time: string, zone: string): Draft => ({ ...whole, scheduled_start: { at: time, time_zone: zone } })
    expect(missing('details', at('2026-11-22T20:30', 'Europe/Berlin'), NOW)).toEqual(['start_past'])
    expect(missing('details', at('2026-11-22T20:30', 'Europe/London'), NOW)).toEqual([])
  })

  it('keeps later steps closed', () => {
    const without = { ...whole, assistant_id: undefined }
    expect(reachable('assistant', without, NOW)).toBe(true)
    expect(reachable('when', without, NOW)).toBe(false)
  })
})

it('is sent when nothing indispensable is missing', () => {
  expect(inputFrom({ ...whole, trunk_id: undefined })).toBeUndefined()
  expect(inputFrom({ ...whole, name: ' Spring ', goal: ' ' })).toMatchObject({ name: 'Spring', goal: null, trunk_id: 't' })
})

it('knows the step of a field', () => {
  expect(['/name', '/schedule/period_end', '/schedule/runs/0/slots/1', '/settings/max_retries', '/trunk_id', '/scheduled_start'].map(stepOfPointer)).toEqual(['details', 'details', 'when', 'dialing', 'assistant', 'details'])
})

it.each([
  ['2026-07-01T09:00', 'Europe/Berlin', '2026-07-01T07:00:00Z'],
  ['2026-12-01T09:00', 'Europe/Berlin', '2026-12-01T08:00:00Z'],
  ['2027-03-28T02:30', 'Europe/Berlin', '2027-03-28T01:30:00Z'],
  ['2026-11-22T09:00', 'Pacific/Auckland', '2026-11-21T20:00:00Z'],
])('%s in %s', (at, zone, moment) => {
  expect(new Date(instantOf(at, zone)).toISOString()).toBe(new Date(moment).toISOString())
})
