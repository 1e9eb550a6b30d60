import { describe, expect, it } from 'vitest'
import type { SipMessage } from '@/api/calls'
import { offset, rungs, tone } from './rungs'

const message = (over: Partial<SipMessage>): SipMessage => ({
  at: '2026-11-22T10:00:00Z', offset_us: 0, from: 0, to: 1, leg: 0, label: 'INVITE', transport: 'UDP', local: 'a', peer: 'b', repeated: false, left_out_before: 0, text: '', ...over,
})

describe('the ladder', () => {
  it('draws each message between its two sides, with the time since the one before', () => {
    const drawn = rungs({ participants: ['callwright', 'a', 'b'], legs: ['x'], complete: true, left_out: 0, messages: [message({}), message({ from: 2, to: 0, offset_us: 1_500, status: 180 }), message({ offset_us: 4_000 })] })
    expect(drawn.map(({ left, right, back, afterMs }) => [left, right, back, afterMs])).toEqual([[0, 1, false, 0], [0, 2, true, 1.5], [0, 1, false, 2.5]])
  })

  it('tells failures from steps on the way', () => {
    expect([undefined, 100, 183, 200, 302, 401, 407, 404, 503, 603].map((status) => tone({ status: status ?? null }))).toEqual([
      'request', 'provisional', 'provisional', 'success', 'success', 'success', 'success', 'failure', 'failure', 'failure',
    ])
  })

  it('writes times to the millisecond', () => {
    expect(offset(412_345)).toBe('+0.412 s')
  })
})
