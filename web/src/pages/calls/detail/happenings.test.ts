import { describe, expect, it } from 'vitest'
import type { CallDetail } from '@/api/calls'
import { happenings } from './happenings'

const CALL: CallDetail = {
  id: '1', direction: 'outbound', from: '+1', to: '+2', started_at: '2026-11-22T10:00:00Z', answered_at: '2026-11-22T10:00:05Z', ended_at: '2026-11-22T10:00:35Z',
  duration_ms: 30_000, reason: 'user_hangup', ended_by: 'contact', has_replay: false, caller_withheld: false, success: false, interrupted: false,
  answers: [{ name: 'interest', status: 'answered', attempts: 1, at_ms: 12_000 }],
  transcript: [
    { speaker: 'agent', text: 'Good morning', from_ms: 500, to_ms: 2_000, cut: true },
    { speaker: 'caller', text: '42', from_ms: 9_000, to_ms: 9_500, keys: true },
  ],
  turns: [],
  disclosed: { ai_ms: 1_800, recording_ms: null },
}

describe('what happened in a call', () => {
  it('stands in order, from the dial to the end', () => {
    expect(happenings(CALL).map((one) => [one.kind, one.ms])).toEqual([
      ['started', -5_000], ['answered', 0], ['disclosed_ai', 1_800], ['cut', 2_000], ['keys', 9_000], ['answer', 12_000], ['ended', 30_000],
    ])
  })

  it('counts from the dial where nobody answered', () => {
    const unanswered = happenings({ ...CALL, answered_at: null, answers: [], transcript: [], disclosed: {} })
    expect(unanswered.map((one) => [one.kind, one.ms])).toEqual([['started', 0], ['ended', 35_000]])
  })

  it('tells a fault of the recording before the end', () => {
    const kinds = happenings({ ...CALL, recording_fault: 'disk_full' }).map((one) => one.kind)
    expect(kinds.slice(-2)).toEqual(['recording_fault', 'ended'])
  })
})
