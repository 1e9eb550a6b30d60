/** Where blocks stand on the canvas: columns from left to right in the order of the talk, rows so that lines cross little. */
import type { Flow, FlowNode } from '@/api/assistants'
import { exitsOf, nodeOf } from './steps'

export interface Point {
  x: number
  y: number
}

export const BLOCK_WIDTH = 220
const GAP_X = 84
const GAP_Y = 28
const HEAD = 34
const LINE = 18
const EXIT = 26

/** Pixels that a block takes: head, its words, a row for each exit. */
export function heightOf(node: FlowNode, words: number): number {
  const exits = exitsOf(node).length
  const lines = Math.min(3, Math.ceil(words / 30))
  return HEAD + (lines > 0 ? lines * LINE + 12 : 8) + (exits > 1 ? exits * EXIT : 0)
}

/** Places for all blocks; what is not reached from the start stands below. */
export function tidy(flow: Flow, height: (node: FlowNode) => number): Map<string, Point> {
  const columns = ranks(flow)
  const order = walk(flow)
  const places = new Map<string, Point>()
  const bottoms: number[] = []
  for (const id of order) {
    const column = columns.get(id) ?? 0
    const parents = flow.nodes.filter((node) => (columns.get(node.id) ?? 0) < column && exitsOf(node).some((exit) => exit.to === id))
    const above = Math.min(...parents.map((parent) => places.get(parent.id)?.y ?? 0), Infinity)
    const y = Math.max(bottoms[column] ?? 0, Number.isFinite(above) ? above : 0)
    places.set(id, { x: column * (BLOCK_WIDTH + GAP_X), y })
    bottoms[column] = y + height(nodeOf(flow, id)!) + GAP_Y
  }
  let x = 0
  const below = Math.max(0, ...bottoms.filter((bottom) => bottom !== undefined)) + GAP_Y
  for (const node of flow.nodes) {
    if (places.has(node.id)) continue
    places.set(node.id, { x, y: below })
    x += BLOCK_WIDTH + GAP_X / 2
  }
  return places
}

/** Ids in the order in which a talk meets them, each once. */
export function walk(flow: Flow): string[] {
  const order: string[] = []
  const seen = new Set<string>()
  const open = [flow.start]
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const node = nodeOf(flow, id)
    if (node === undefined || seen.has(id)) continue
    seen.add(id)
    order.push(id)
    open.push(...exitsOf(node).map((exit) => exit.to).reverse())
  }
  return order
}

/** The column of each node: behind the last one that leads to it, ways back left out. */
function ranks(flow: Flow): Map<string, number> {
  const back = backEdges(flow)
  const rank = new Map<string, number>()
  const order = topological(flow, back)
  for (const id of order) {
    const at = rank.get(id) ?? 0
    rank.set(id, at)
    for (const exit of exitsOf(nodeOf(flow, id)!)) {
      if (back.has(`${id}>${exit.to}`)) continue
      rank.set(exit.to, Math.max(rank.get(exit.to) ?? 0, at + 1))
    }
  }
  return rank
}

/** Edges that lead back to where the walk has come from. */
function backEdges(flow: Flow): Set<string> {
  const back = new Set<string>()
  const state = new Map<string, 'open' | 'done'>()
  const visit = (id: string) => {
    const node = nodeOf(flow, id)
    if (node === undefined) return
    state.set(id, 'open')
    for (const exit of exitsOf(node)) {
      if (state.get(exit.to) === 'open') back.add(`${id}>${exit.to}`)
      else if (!state.has(exit.to)) visit(exit.to)
    }
    state.set(id, 'done')
  }
  visit(flow.start)
  return back
}

function topological(flow: Flow, back: ReadonlySet<string>): string[] {
  const order: string[] = []
  const done = new Set<string>()
  const visit = (id: string) => {
    const node = nodeOf(flow, id)
    if (node === undefined || done.has(id)) return
    done.add(id)
    for (const exit of exitsOf(node)) if (!back.has(`${id}>${exit.to}`)) visit(exit.to)
    order.unshift(id)
  }
  visit(flow.start)
  return order
}
