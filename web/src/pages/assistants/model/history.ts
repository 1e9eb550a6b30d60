/** What was done and can be taken back. Typing in one place counts as one step until there is a pause. */

export interface History<T> {
  past: readonly T[]
  now: T
  future: readonly T[]
  /** Where the latest change was made and when, to join what is typed. */
  last: { place: string; at: number } | undefined
}

const DEPTH = 200
/** Milliseconds after which the same place begins a new step. */
const PAUSE = 1_500

export const begin = <T>(now: T): History<T> => ({ past: [], now, future: [], last: undefined })

/** `place` names the field; without one the change is a step of its own. */
export function changed<T>(history: History<T>, next: T, at: number, place?: string): History<T> {
  if (Object.is(next, history.now)) return history
  const joins = place !== undefined && history.last?.place === place && at - history.last.at < PAUSE
  return {
    past: joins ? history.past : [...history.past.slice(1 - DEPTH), history.now],
    now: next,
    future: [],
    last: place === undefined ? undefined : { place, at },
  }
}

export function undo<T>(history: History<T>): History<T> {
  const before = history.past.at(-1)
  if (before === undefined) return history
  return { past: history.past.slice(0, -1), now: before, future: [history.now, ...history.future], last: undefined }
}

export function redo<T>(history: History<T>): History<T> {
  const [after, ...rest] = history.future
  if (after === undefined) return history
  return { past: [...history.past, history.now], now: after, future: rest, last: undefined }
}
