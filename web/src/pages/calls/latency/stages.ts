/** How long each stage of a reply took, out of the marks that the server measured on the wire. */
import type { Turn } from '@/api/calls'

export const STAGES = ['endpoint', 'stt', 'llm', 'tts', 'wire'] as const
export type Stage = (typeof STAGES)[number]

export interface Reply {
  /** When the contact stopped, milliseconds from the answer of the call. */
  atMs: number
  /** Milliseconds from there to the first packet of the reply. */
  totalMs: number
  stages: Record<Stage, number>
  /** For how long both spoke before it. */
  talkOverMs: number | undefined
}

/**
 * Each stage ends at its mark: the turn was over, what was said was known, the model gave its first sentence, the
 * voice its first sound, the packet left. A mark that was passed before the one in front of it adds nothing: the work
 * was done meanwhile. A missing mark (a flow has no model, a native voice no sentence) leaves its time to the next.
 */
export function reply(turn: Turn): Reply {
  const total = toMs(Math.max(0, turn.replied))!
  const marks: [Stage, number | undefined][] = [
    ['endpoint', toMs(turn.decided)],
    ['stt', toMs(turn.understood)],
    ['llm', toMs(turn.first_sentence ?? turn.first_token)],
    ['tts', toMs(turn.first_audio)],
    ['wire', total],
  ]
  const stages = {} as Record<Stage, number>
  let reached = 0
  for (const [stage, mark] of marks) {
    const end = Math.min(total, Math.max(reached, mark ?? reached))
    stages[stage] = end - reached
    reached = end
  }
  return { atMs: turn.at_ms, totalMs: total, stages, talkOverMs: toMs(turn.talk_over) }
}

/** The server counts in microseconds. */
function toMs(us: number | null | undefined): number | undefined {
  return us == null ? undefined : Math.round(us / 1_000)
}

export function median(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half] : Math.round((sorted[half - 1]! + sorted[half]!) / 2)
}

/** The end of the scale: the worst reply, but never so short that all bars look long. */
export function scaleEnd(replies: readonly Reply[], budgetMs: number): number {
  return Math.max(budgetMs * 1.25, ...replies.map((one) => one.totalMs))
}
