/** Where a moment of a call is in its transcript. */
import type { Line } from '@/api/calls'

/** The line that is spoken at a moment, or the last one before it; -1 before the first. */
export function lineAt(lines: readonly Pick<Line, 'from_ms' | 'to_ms'>[], ms: number): number {
  let found = -1
  for (const [index, line] of lines.entries()) {
    if (line.from_ms > ms) break
    found = index
  }
  return found
}

/** Milliseconds into a line within which "the line before" means the one before it, and not its own start. */
const AGAIN = 1_500

/** Where `.` and `,` lead: the start of the next line, or of the one before. */
export function stepLine(lines: readonly Pick<Line, 'from_ms' | 'to_ms'>[], ms: number, by: 1 | -1): number | undefined {
  const here = lineAt(lines, ms)
  if (by === 1) return lines[here + 1]?.from_ms
  const start = lines[here]?.from_ms
  if (start !== undefined && ms - start > AGAIN) return start
  return lines[here - 1]?.from_ms ?? start
}

/** Indexes of lines that have a text, whatever its case and accents; none without a text. */
export function found(lines: readonly Pick<Line, 'text'>[], text: string): number[] {
  const wanted = plain(text.trim())
  if (wanted === '') return []
  return lines.flatMap((line, index) => (plain(line.text).includes(wanted) ? [index] : []))
}

/** A line cut into parts that match a text and parts that do not, for marking. */
export function marked(line: string, text: string): { part: string; match: boolean }[] {
  const wanted = plain(text.trim())
  const whole = plain(line)
  // Where letters and accents were written as one, places would differ: then nothing is marked.
  if (wanted === '' || whole.length !== line.length) return [{ part: line, match: false }]
  const parts: { part: string; match: boolean }[] = []
  let from = 0
  for (let at = whole.indexOf(wanted); at >= 0; at = whole.indexOf(wanted, from)) {
    if (at > from) parts.push({ part: line.slice(from, at), match: false })
    parts.push({ part: line.slice(at, at + wanted.length), match: true })
    from = at + wanted.length
  }
  if (from < line.length) parts.push({ part: line.slice(from), match: false })
  return parts
}

function plain(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()
}
