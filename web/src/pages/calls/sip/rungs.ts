/** How the messages of a call are drawn: a column for each side, a row for each message. */
import type { SipLadder, SipMessage } from '@/api/calls'

export type Tone = 'request' | 'provisional' | 'success' | 'failure'

export interface Rung {
  index: number
  message: SipMessage
  /** Columns, 0 is Callwright. The arrow goes from `left` to `right`, or back. */
  left: number
  right: number
  back: boolean
  tone: Tone
  /** Milliseconds since the message before. */
  afterMs: number
}

export function rungs(ladder: SipLadder): Rung[] {
  let before = 0
  return ladder.messages.map((message, index) => {
    const afterMs = Math.max(0, (message.offset_us - before) / 1_000)
    before = message.offset_us
    return { index, message, left: Math.min(message.from, message.to), right: Math.max(message.from, message.to), back: message.from > message.to, tone: tone(message), afterMs }
  })
}

/** Challenges (401, 407) are a step on the way, not a failure. */
export function tone({ status }: Pick<SipMessage, 'status'>): Tone {
  if (status == null) return 'request'
  if (status < 200) return 'provisional'
  if (status < 400 || status === 401 || status === 407) return 'success'
  return 'failure'
}

/** `+0.412 s` after the first message. */
export function offset(us: number): string {
  return `+${(us / 1_000_000).toFixed(3)} s`
}
