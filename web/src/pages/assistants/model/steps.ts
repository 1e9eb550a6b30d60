/** The flow of an assistant as the API has it, read and changed node by node. Nothing here is changed in place. */
import type { Flow, FlowNode } from '@/api/assistants'

export const KINDS = ['say', 'ask', 'branch', 'tool', 'mark_success', 'transfer', 'end'] as const
export type Kind = (typeof KINDS)[number]

/** A way out of a node: `next`, `otherwise`, `case:0`, `on_error`, `on_declined`, `on_failed`. */
export interface Exit {
  key: string
  /** The node it leads to; empty while it leads nowhere. */
  to: string
  /** It may stay empty: another exit then stands in. */
  optional: boolean
}

export function kindOf(node: FlowNode): Kind {
  return KINDS.find((kind) => node[kind] != null) ?? 'end'
}

export function nodeOf(flow: Flow, id: string): FlowNode | undefined {
  return flow.nodes.find((node) => node.id === id)
}

export function exitsOf(node: FlowNode): Exit[] {
  const exit = (key: string, to: string | null | undefined, optional = false): Exit => ({ key, to: to ?? '', optional })
  if (node.say) return [exit('next', node.say.next)]
  if (node.ask) return [exit('next', node.ask.next)]
  if (node.branch) return [...node.branch.cases.map((one, index) => exit(`case:${index}`, one.next)), exit('otherwise', node.branch.otherwise)]
  if (node.tool) return [exit('next', node.tool.next), exit('on_error', node.tool.on_error, true)]
  if (node.transfer) return [exit('on_declined', node.transfer.on_declined), exit('on_failed', node.transfer.on_failed, true)]
  if (node.mark_success) return [exit('next', node.mark_success.next)]
  return []
}

/** The same node with one exit leading elsewhere; an empty `to` disconnects it. */
export function withExit(node: FlowNode, key: string, to: string): FlowNode {
  const given = to === '' ? null : to
  if (node.say && key === 'next') return { ...node, say: { ...node.say, next: to } }
  if (node.ask && key === 'next') return { ...node, ask: { ...node.ask, next: to } }
  if (node.mark_success && key === 'next') return { ...node, mark_success: { ...node.mark_success, next: to } }
  if (node.tool && key === 'next') return { ...node, tool: { ...node.tool, next: to } }
  if (node.tool && key === 'on_error') return { ...node, tool: { ...node.tool, on_error: given } }
  if (node.transfer && key === 'on_declined') return { ...node, transfer: { ...node.transfer, on_declined: to } }
  if (node.transfer && key === 'on_failed') return { ...node, transfer: { ...node.transfer, on_failed: given } }
  if (node.branch && key === 'otherwise') return { ...node, branch: { ...node.branch, otherwise: to } }
  if (node.branch && key.startsWith('case:')) {
    const at = Number(key.slice(5))
    return { ...node, branch: { ...node.branch, cases: node.branch.cases.map((one, index) => (index === at ? { ...one, next: to } : one)) } }
  }
  return node
}

/** The words of a node that its block shows. */
export function textOf(node: FlowNode): string {
  if (node.branch) return node.branch.on
  if (node.tool) return node.tool.name
  if (node.transfer) return node.transfer.target
  return node.say?.text ?? node.ask?.text ?? node.end?.text ?? ''
}

/** What an answer of this node is called in branches and texts. */
export function answerName(node: FlowNode): string | undefined {
  return node.ask ? node.ask.name || node.id : undefined
}

/** A new node of a kind that leads to `next`. */
export function fresh(kind: Kind, id: string, next: string): FlowNode {
  switch (kind) {
    case 'say': return { id, say: { text: '', next } }
    case 'ask': return { id, ask: { text: '', answer: { kind: 'yes_no' }, next } }
    case 'branch': return { id, branch: { on: '', cases: [{ is: 'yes', next }], otherwise: next } }
    case 'tool': return { id, tool: { name: '', next } }
    case 'mark_success': return { id, mark_success: { next } }
    case 'transfer': return { id, transfer: { target: '', on_declined: next } }
    case 'end': return { id, end: { text: '' } }
  }
}
