/** Where the blocks of an assistant stand: where they were put, kept in this browser, else where the layout has them. */
import { useEffect, useMemo, useRef, useState } from 'react'
import type { Flow } from '@/api/assistants'
import { local, remember } from '@/api/preferences'
import { heightOf, tidy as layOut, type Point } from '../../model/layout'
import { textOf } from '../../model/steps'

type Sizes = ReadonlyMap<string, { height: number }>

interface Places {
  places: ReadonlyMap<string, Point>
  place(id: string, at: Point): void
  /** Keeps what was put. */
  settle(): void
  /** Forgets what was put. */
  tidy(sizes: Sizes): void
}

export function usePlaces(assistant: string, flow: Flow): Places {
  const key = `flow.${assistant}`
  const [put, setPut] = useState<Record<string, Point>>(() => (local(key) as Record<string, Point> | undefined) ?? {})
  const [sizes, setSizes] = useState<Sizes>(new Map())
  const latest = useRef(put)
  latest.current = put
  const shape = shapeOf(flow)
  const laid = useMemo(() => layOut(flow, (node) => sizes.get(node.id)?.height ?? heightOf(node, textOf(node).length)), [shape, sizes])
  const places = useMemo(() => new Map([...laid].map(([id, at]) => [id, put[id] ?? at])), [laid, put])
  // A block that was drawn by the layout stays where it is when others come: the first places count until "tidy up".
  useEffect(() => {
    setPut((old) => {
      const kept = Object.fromEntries(flow.nodes.flatMap((node) => (places.has(node.id) ? [[node.id, old[node.id] ?? beside(node.id, places, old)]] : [])))
      return JSON.stringify(kept) === JSON.stringify(old) ? old : kept
    })
  }, [shape])
  return {
    places,
    place: (id, at) => setPut((old) => ({ ...old, [id]: at })),
    settle: () => requestAnimationFrame(() => remember(key, latest.current)),
    tidy(measured) {
      setSizes(measured)
      const fresh = layOut(flow, (node) => measured.get(node.id)?.height ?? heightOf(node, textOf(node).length))
      setPut(Object.fromEntries(fresh))
      remember(key, {})
    },
  }
}

/** A place near the laid one that no other block has. */
function beside(id: string, places: ReadonlyMap<string, Point>, put: Record<string, Point>): Point {
  const at = { ...places.get(id)! }
  const others = Object.entries(put).filter(([other]) => other !== id).map(([, other]) => other)
  while (others.some((other) => Math.abs(other.x - at.x) < 200 && Math.abs(other.y - at.y) < 90)) at.y += 110
  return at
}

/** Which blocks there are and how they hang together; words do not move blocks. */
function shapeOf(flow: Flow): string {
  return flow.start + flow.nodes.map((node) => `${node.id}:${JSON.stringify([node.say?.next, node.ask?.next, node.branch?.cases.map((one) => one.next), node.branch?.otherwise, node.tool?.next, node.tool?.on_error, node.transfer?.on_declined, node.transfer?.on_failed, node.mark_success?.next])}`).join()
}
