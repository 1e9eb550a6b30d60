/** The flow of the draft, what is wrong with it, what is chosen in it (in the address), and the changes the editor makes. */
import { useMemo } from 'react'
import type { Flow, FlowNode } from '@/api/assistants'
import { useSearch } from '@/app/search-params'
import { check, knownNames, type Finding } from '../model/checks'
import * as edit from '../model/edit'
import { exitsOf, nodeOf, type Kind } from '../model/steps'
import { useDraft } from '../parts/draft'

export const EMPTY: Flow = { start: '', nodes: [] }

export interface FlowEditor {
  flow: Flow
  findings: Finding[]
  known: ReadonlySet<string>
  chosen: FlowNode | undefined
  choose(id: string | undefined): void
  editable: boolean
  /** A new block behind an exit, or behind the chosen block, or on its own. The new block's id. */
  add(kind: Kind, place?: edit.Place | null): string
  set(id: string, node: FlowNode, field?: string): void
  connect(from: edit.Place, to: string): void
  rename(from: string, to: string): void
  remove(id: string): void
  duplicate(id: string): void
  paste(node: FlowNode): void
  start(id: string): void
}

export function useFlow(): FlowEditor {
  const { definition, change, editable } = useDraft()
  const [search, patch] = useSearch()
  const flow = definition.flow ?? EMPTY
  const findings = useMemo(() => check(definition), [definition])
  const known = useMemo(() => knownNames(flow, definition), [flow, definition])
  const chosen = search.block === undefined ? undefined : nodeOf(flow, search.block)
  const choose = (id: string | undefined) => patch({ block: id }, { replace: true })
  const put = (next: Flow, place?: string) => change({ flow: next }, place)

  return {
    flow,
    findings,
    known,
    chosen,
    choose,
    editable,
    add(kind, place) {
      const { flow: grown, id } = edit.add(flow, kind, place === null ? undefined : (place ?? openPlace(chosen)))
      put(grown)
      choose(id)
      return id
    },
    set: (id, node, field) => put(edit.setNode(flow, id, node), field && `${id}/${field}`),
    connect: (from, to) => put(edit.connect(flow, from, to)),
    rename(from, to) {
      put(edit.rename(flow, from, to), 'rename')
      if (search.block === from) choose(to)
    },
    remove(id) {
      put(edit.remove(flow, id))
      if (search.block === id) choose(undefined)
    },
    duplicate(id) {
      const made = edit.duplicate(flow, id)
      if (made) {
        put(made.flow)
        choose(made.id)
      }
    },
    paste(node) {
      const made = edit.paste(flow, node)
      put(made.flow)
      choose(made.id)
    },
    start: (id) => put({ ...flow, start: id }),
  }
}

/** The exit of a block that a new one is put behind: the first that leads nowhere, else its only one. */
function openPlace(node: FlowNode | undefined): edit.Place | undefined {
  if (node === undefined) return undefined
  const exits = exitsOf(node)
  const exit = exits.find((one) => one.to === '' && !one.optional) ?? (exits.filter((one) => !one.optional).length === 1 ? exits[0] : undefined)
  return exit && { id: node.id, key: exit.key }
}
