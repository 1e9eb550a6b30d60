import { describe, expect, it } from 'vitest'
import type { LiveCall } from '@/api/calls'
import { offers } from './offers'

const call = (over: Partial<LiveCall>): LiveCall => ({
  id: 'a', stage: 'in_conversation', assistant_id: 'x', assistant_version: 1, mode: 'llm', started_at: '2026-11-22T10:00:00Z', muted: false, taken_over: false, off_record: false, speaks: 'agent', listeners: 0, ...over,
})
const ALL = { listen: true, control: true }
const refused = (got: object) => Object.fromEntries(Object.entries(got).filter(([, why]) => why !== undefined))

describe('what can be done with a live call', () => {
  it('is everything while the agent talks, but to hand it back', () => {
    expect(refused(offers(call({}), ALL, false))).toEqual({ handBack: 'not_taken' })
  })

  it('is to listen and to hang up while it rings', () => {
    const got = offers(call({ stage: 'ringing' }), ALL, false)
    expect(got.listen).toBeUndefined()
    expect(got.hangUp).toBeUndefined()
    expect(got).toMatchObject({ mute: 'ringing', take: 'ringing', whisper: 'ringing' })
  })

  it('is to hand it back once it was taken over', () => {
    const got = offers(call({ taken_over: true, speaks: 'supervisor' }), ALL, false)
    expect(got.handBack).toBeUndefined()
    expect(got.take).toBe('taken')
  })

  it('is off the record and to hang up when the agent has left', () => {
    const got = offers(call({ stage: 'handed_over', speaks: 'person' }), ALL, false)
    expect(got).toMatchObject({ mute: 'agent_left', take: 'agent_left', whisper: 'agent_left', record: undefined, hangUp: undefined })
  })

  it('is no whisper where no model would read it', () => {
    expect(offers(call({ mode: 'flow' }), ALL, false).whisper).toBe('no_model')
    expect(offers(call({ mode: 'external' }), ALL, false).whisper).toBe('no_model')
    expect(offers(call({ mode: 'speech_to_speech' }), ALL, false).whisper).toBeUndefined()
  })

  it('needs the rights, and a call that goes on', () => {
    expect(refused(offers(call({}), { listen: true, control: false }, false))).toMatchObject({ mute: 'no_control', hangUp: 'no_control' })
    expect(offers(call({}), { listen: false, control: true }, false).listen).toBe('no_listen')
    expect(new Set(Object.values(offers(call({}), ALL, true)))).toEqual(new Set(['over']))
  })
})
