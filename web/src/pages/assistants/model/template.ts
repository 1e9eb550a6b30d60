/** Texts with `{{ names }}` in them: which names they use, which are not known, and what can be put in at the caret. */

export interface Span {
  from: number
  to: number
  name: string
}

const EXPRESSION = /{{-?([\s\S]*?)-?}}/g
const BLOCK = /{%-?\s*(?:if|elif)\s+([\s\S]*?)-?%}/g
const NAME = /(?<![\w.|'"])[A-Za-z_]\w*(?:\.\w+)*/g
const WORDS = new Set(['and', 'or', 'not', 'in', 'is', 'if', 'else', 'true', 'false', 'none', 'defined', 'undefined'])

/** The names that a text takes values from, where they stand. Filters and words of the template language are none. */
export function namesIn(text: string): Span[] {
  const made = new Set([...text.matchAll(/{%-?\s*(?:set|for)\s+(\w+)/g)].map((match) => match[1]!))
  const spans: Span[] = []
  for (const pattern of [EXPRESSION, BLOCK]) {
    for (const outer of text.matchAll(pattern)) {
      const inside = outer[1]!
      const at = outer.index + outer[0].indexOf(inside)
      const bare = inside.replace(/'[^']*'|"[^"]*"/g, (quoted) => ' '.repeat(quoted.length)).replace(/\|\s*\w+/g, (filter) => ' '.repeat(filter.length))
      for (const match of bare.matchAll(NAME)) {
        if (WORDS.has(match[0]) || made.has(match[0].split('.')[0]!)) continue
        spans.push({ from: at + match.index, to: at + match.index + match[0].length, name: match[0] })
      }
    }
  }
  return spans.sort((a, b) => a.from - b.from)
}

/** Names whose first part is not known, each once. */
export function unknownNames(text: string, known: ReadonlySet<string>): string[] {
  return [...new Set(namesIn(text).filter((span) => !known.has(span.name.split('.')[0]!)).map((span) => span.name))]
}

/** The text cut into pieces, those that are names told apart: for marking them. */
export function pieces(text: string, known: ReadonlySet<string>): { text: string; mark?: 'known' | 'unknown' }[] {
  const out: { text: string; mark?: 'known' | 'unknown' }[] = []
  let at = 0
  for (const span of namesIn(text)) {
    if (span.from > at) out.push({ text: text.slice(at, span.from) })
    out.push({ text: text.slice(span.from, span.to), mark: known.has(span.name.split('.')[0]!) ? 'known' : 'unknown' })
    at = span.to
  }
  if (at < text.length) out.push({ text: text.slice(at) })
  return out
}

/** The name that is being typed behind `{{`, if the caret stands in one. */
export function completionAt(text: string, caret: number): { from: number; typed: string } | undefined {
  const open = text.lastIndexOf('{{', caret - 1)
  if (open < 0 || open + 2 > caret) return undefined
  const between = text.slice(open + 2, caret)
  const match = /^\s*(\w*)$/.exec(between)
  return match ? { from: caret - match[1]!.length, typed: match[1]! } : undefined
}

/** Known names that fit what is typed: those that begin with it before those that contain it. */
export function proposals(known: Iterable<string>, typed: string): string[] {
  const low = typed.toLowerCase()
  const fitting = [...known].filter((name) => name.toLowerCase().includes(low))
  return fitting.sort((a, b) => Number(b.toLowerCase().startsWith(low)) - Number(a.toLowerCase().startsWith(low)) || a.localeCompare(b)).slice(0, 8)
}

/** The text with a chosen name put in and closed, and where the caret stands then. */
export function complete(text: string, caret: number, name: string): { text: string; caret: number } {
  const at = completionAt(text, caret)
  if (at === undefined) return { text, caret }
  const before = text.slice(0, at.from).replace(/{{\s*$/, '{{ ')
  const rest = text.slice(caret).replace(/^\w*/, '')
  const closed = /^\s*}}/.exec(rest)
  const after = closed ? rest.slice(closed[0].length) : rest
  const put = `${before}${name} }}`
  return { text: put + after, caret: put.length }
}

/** The text with values for plain `{{ names }}`; what has none, and everything else, stays as it is written. */
export function fill(text: string, value: (name: string) => string | undefined): string {
  return text.replace(/{{-?\s*([A-Za-z_][\w.]*)\s*-?}}/g, (whole, name: string) => value(name) ?? whole)
}
