/** Times in windows at which somebody may be called, every quarter of an hour, none that is about to pass. */
const QUARTER = 15 * 60_000
/** A contact is dialed ahead of time: what is nearer than this would be now. */
const NEAR = 5 * 60_000

export function offers(windows: readonly { from: string; until: string }[], now: number): Date[] {
  const times: Date[] = []
  for (const window of windows) {
    const first = Math.ceil(Math.max(Date.parse(window.from), now + NEAR) / QUARTER) * QUARTER
    for (let at = first; at < Date.parse(window.until); at += QUARTER) times.push(new Date(at))
  }
  return times
}
