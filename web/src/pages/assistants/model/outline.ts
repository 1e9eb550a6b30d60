/** A flow as an indented list: what follows stands below, what branches off is indented. The form without a mouse. */
import type { Flow, FlowNode } from '@/api/assistants'
import { exitsOf, nodeOf, type Exit } from './steps'

export type OutlineRow =
  /** A block. */
  | { kind: 'node'; key: string; depth: number; node: FlowNode; reached: boolean }
  /** The head of a way out of the block above, when there are several. */
  | { kind: 'exit'; key: string; depth: number; from: string; exit: Exit }
  /** A way that goes on at a block which stands elsewhere in the list. */
  | { kind: 'jump'; key: string; depth: number; from: string; exit: Exit }
  /** A way that leads nowhere. */
  | { kind: 'open'; key: string; depth: number; from: string; exit: Exit }

export function outline(flow: Flow): OutlineRow[] {
  const rows: OutlineRow[] = []
  const shown = new Set<string>()

  const follow = (from: string, exit: Exit, depth: number) => {
    const key = `${from}/${exit.key}`
    if (nodeOf(flow, exit.to) === undefined) {
      if (!(exit.optional && exit.to === '')) rows.push({ kind: 'open', key, depth, from, exit })
    } else if (shown.has(exit.to)) rows.push({ kind: 'jump', key, depth, from, exit })
    else visit(exit.to, depth, true)
  }
  const visit = (id: string, depth: number, reached: boolean) => {
    const node = nodeOf(flow, id)!
    shown.add(id)
    rows.push({ kind: 'node', key: id, depth, node, reached })
    const exits = exitsOf(node).filter((exit) => !(exit.optional && exit.to === ''))
    if (exits.length === 1) return follow(id, exits[0]!, depth)
    for (const exit of exits) {
      rows.push({ kind: 'exit', key: `${id}/${exit.key}/head`, depth: depth + 1, from: id, exit })
      follow(id, exit, depth + 2)
    }
  }

  if (nodeOf(flow, flow.start) !== undefined) visit(flow.start, 0, true)
  for (const node of flow.nodes) if (!shown.has(node.id)) visit(node.id, 0, false)
  return rows
}
