/** Where a variable is used, and giving it another name everywhere. */
import type { Definition } from '@/api/assistants'
import { namesIn } from './template'

/** `prompt`, `greeting`, `closing`, `/flow/BLOCK`, or `other` for what stands deeper, such as in tools. */
export function usesOf(definition: Definition, name: string): string[] {
  const uses = (text: unknown) => texts(text).some((one) => namesIn(one).some((span) => span.name.split('.')[0] === name))
  const { greeting, prompt, closing, flow, variables: _, name: __, ...rest } = definition
  const found = Object.entries({ greeting, prompt, closing }).flatMap(([field, text]) => (uses(text) ? [field] : []))
  for (const node of flow?.nodes ?? []) if (uses(node) || node.branch?.on.split('.')[0] === name) found.push(`/flow/${node.id}`)
  return uses(rest) ? [...found, 'other'] : found
}

export function renameVariable(definition: Definition, from: string, to: string): Definition {
  const { variables = {}, ...rest } = definition
  const renamed = mapTexts(rest, (text) => inText(text, from, to)) as Omit<Definition, 'variables'>
  const nodes = renamed.flow?.nodes.map((node) => (node.branch && root(node.branch.on) === from ? { ...node, branch: { ...node.branch, on: to + node.branch.on.slice(from.length) } } : node))
  return {
    ...renamed,
    ...(renamed.flow && nodes ? { flow: { ...renamed.flow, nodes } } : {}),
    variables: Object.fromEntries(Object.entries(variables).map(([name, value]) => [name === from ? to : name, value])),
  }
}

const root = (name: string) => name.split('.')[0]

function inText(text: string, from: string, to: string): string {
  return namesIn(text)
    .filter((span) => root(span.name) === from)
    .reverse()
    .reduce((done, span) => done.slice(0, span.from) + to + done.slice(span.from + from.length), text)
}

function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(texts) : []
}

function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map((one) => mapTexts(one, change))
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, mapTexts(one, change)])) : value
}
