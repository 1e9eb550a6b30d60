/** Changes of a whole flow. Each answers a new flow and leaves the old one as it is, so that it can be taken back. */
import type { Flow, FlowNode } from '@/api/assistants'
import { exitsOf, fresh, nodeOf, withExit, type Kind } from './steps'

/** The API takes no more. */
export const MOST_NODES = 200

/** An exit of a node; `null` stands for the start of the flow. */
export interface Place {
  id: string
  key: string
}

export function setNode(flow: Flow, id: string, node: FlowNode): Flow {
  return { ...flow, nodes: flow.nodes.map((one) => (one.id === id ? node : one)) }
}

export function connect(flow: Flow, from: Place, to: string): Flow {
  const node = nodeOf(flow, from.id)
  return node === undefined ? flow : setNode(flow, from.id, withExit(node, from.key, to))
}

/** A new node. With a place it is put between that exit and where it led. */
export function add(flow: Flow, kind: Kind, place?: Place): { flow: Flow; id: string } {
  const id = freeId(flow, kind === 'mark_success' ? 'success' : kind)
  const source = place && nodeOf(flow, place.id)
  const led = source && exitsOf(source).find((exit) => exit.key === place.key)?.to
  const grown = { ...flow, start: flow.start || id, nodes: [...flow.nodes, fresh(kind, id, led ?? '')] }
  return { flow: place && source ? connect(grown, place, id) : grown, id }
}

/** Takes a node out. What led to it goes on where it went, if that is one place; else it leads nowhere. */
export function remove(flow: Flow, id: string): Flow {
  const gone = nodeOf(flow, id)
  if (gone === undefined) return flow
  const ways = new Set(exitsOf(gone).map((exit) => exit.to).filter((to) => to !== '' && to !== id))
  const heir = ways.size === 1 ? [...ways][0]! : ''
  return {
    start: flow.start === id ? heir : flow.start,
    nodes: flow.nodes.filter((node) => node.id !== id).map((node) => redirect(node, id, heir)),
  }
}

/** Gives a node another id, and follows it wherever it is named: as a target, and as the name of an answer. */
export function rename(flow: Flow, from: string, to: string): Flow {
  if (from === to) return flow
  const unnamed = nodeOf(flow, from)?.ask && !nodeOf(flow, from)!.ask!.name
  return {
    start: flow.start === from ? to : flow.start,
    nodes: flow.nodes.map((node) => {
      const moved = redirect(node, from, to)
      const branch = unnamed && moved.branch?.on === from ? { ...moved.branch, on: to } : moved.branch
      return { ...moved, ...(branch ? { branch } : {}), id: node.id === from ? to : node.id }
    }),
  }
}

/** A copy of a node with the same ways on; nothing leads to it yet. */
export function duplicate(flow: Flow, id: string): { flow: Flow; id: string } | undefined {
  const node = nodeOf(flow, id)
  return node && paste(flow, node)
}

/** A node that was copied, maybe from another flow: ways to nodes that are not here lead nowhere. */
export function paste(flow: Flow, copied: FlowNode): { flow: Flow; id: string } {
  const id = freeId(flow, copied.id.replace(/_\d+$/, ''))
  let node: FlowNode = { ...structuredClone(copied), id }
  for (const exit of exitsOf(node)) if (exit.to !== '' && nodeOf(flow, exit.to) === undefined) node = withExit(node, exit.key, '')
  return { flow: { ...flow, start: flow.start || id, nodes: [...flow.nodes, node] }, id }
}

/** `say`, `say_2`, `say_3`. */
export function freeId(flow: Flow, base: string): string {
  const taken = new Set(flow.nodes.map((node) => node.id))
  if (!taken.has(base)) return base
  let count = 2
  while (taken.has(`${base}_${count}`)) count += 1
  return `${base}_${count}`
}

function redirect(node: FlowNode, from: string, to: string): FlowNode {
  return exitsOf(node).reduce((changed, exit) => (exit.to === from ? withExit(changed, exit.key, to) : changed), node)
}
