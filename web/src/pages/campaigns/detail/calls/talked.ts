import type { Attempt } from '@/api/campaigns'

/** Milliseconds from the answer to the end; nothing for what was not answered or still goes on. */
export function talkedMs(attempt: Pick<Attempt, 'answered_at' | 'ended_at'>): number | undefined {
  if (!attempt.answered_at || !attempt.ended_at) return undefined
  return Date.parse(attempt.ended_at) - Date.parse(attempt.answered_at)
}
