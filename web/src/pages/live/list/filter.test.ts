import { describe, expect, it } from 'vitest'
import type { LiveCall } from '@/api/calls'
import { counts, shown, standing } from './filter'

const call = (over: Partial<LiveCall>): LiveCall => ({
  id: 'a', stage: 'in_conversation', contact: '+4915155501', ours: '+442079460999', assistant_id: 'x', assistant_version: 1, mode: 'flow', started_at: '2026-11-22T10:00:00Z',
  muted: false, taken_over: false, off_record: false, speaks: 'agent', listeners: 0, ...over,
})
const NONE = { view: 'all', search: '', assistant: undefined, trunk: undefined } as const

describe('where a live call stands', () => {
  it('is who speaks before how far it has come', () => {
    expect(standing(call({}))).toBe('talking')
    expect(standing(call({ stage: 'dialing' }))).toBe('dialing')
    expect(standing(call({ stage: 'answered' }))).toBe('answered')
    expect(standing(call({ muted: true, speaks: 'muted' }))).toBe('muted')
    expect(standing(call({ muted: true, taken_over: true, speaks: 'supervisor' }))).toBe('taken_over')
    expect(standing(call({ stage: 'handed_over', speaks: 'person' }))).toBe('handed_over')
  })
})

describe('the list', () => {
  const all = [call({ id: 'a' }), call({ id: 'b', stage: 'ringing', contact: '+33655501234', assistant_id: 'y', trunk_id: 't' }), call({ id: 'c', taken_over: true, contact: null })]
  const ids = (calls: LiveCall[]) => calls.map((one) => one.id)

  it('is counted by view, every call once', () => {
    expect(counts(all)).toEqual({ all: 3, talking: 1, ringing: 1, person: 1 })
  })

  it('is narrowed by view, assistant and trunk', () => {
    expect(ids(shown(all, { ...NONE, view: 'person' }))).toEqual(['c'])
    expect(ids(shown(all, { ...NONE, assistant: 'y' }))).toEqual(['b'])
    expect(ids(shown(all, { ...NONE, trunk: 't' }))).toEqual(['b'])
  })

  it('finds numbers of both sides, however they were typed', () => {
    expect(ids(shown(all, { ...NONE, search: '+33 6 555' }))).toEqual(['b'])
    expect(ids(shown(all, { ...NONE, search: '0999' }))).toEqual(['a', 'b', 'c'])
    expect(shown(all, { ...NONE, search: 'nobody' })).toEqual([])
  })
})
