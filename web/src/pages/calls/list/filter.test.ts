import { describe, expect, it } from 'vitest'
import { wishOf } from './filter'

const TODAY = Date.UTC(2026, 10, 22)

describe('the filters of calls', () => {
  it('ask for everything when nothing is set', () => {
    expect(wishOf({ call: 'x', panel: 'sip', at: '4', sort: 'started_at' }, TODAY)).toEqual({ wish: {}, view: 'all', filtered: false })
  })

  it('are what the address says', () => {
    const { wish, view } = wishOf({ view: 'unanswered', direction: 'inbound,browser', reason: 'dial_busy', by: 'human', campaign: 'c', trunk: 't', length: 'middle', since: 'week' }, TODAY)
    expect(view).toBe('unanswered')
    expect(wish).toEqual({
      answered: false, direction: ['inbound', 'browser'], reason: ['dial_busy'], answered_by: ['human'], campaign_id: 'c', trunk_id: 't',
      duration_ms_min: 10_000, duration_ms_max: 59_999, started_from: '2026-11-16T00:00:00.000Z',
    })
  })

  it('find a number however it was typed', () => {
    expect(wishOf({ q: '+49 (151) 555-01' }, TODAY).wish.search).toBe('+4915155501')
  })

  it('pass over what they do not know', () => {
    expect(wishOf({ view: 'nonsense', length: 'nonsense', since: 'nonsense' }, TODAY)).toEqual({ wish: {}, view: 'all', filtered: false })
  })
})
