/** Which rows are meant by a bulk action: some by their ids, or everything that the filter finds. */
import { useState } from 'react'

export type Chosen = { all: true } | { all: false; ids: string[] }

export interface Selection {
  chosen: Chosen
  /** Nothing is chosen. */
  empty: boolean
  choose(ids: string[]): void
  chooseAll(): void
  clear(): void
}

/** `filter` names what the list is filtered by: with another filter the choice is gone, since it would mean others. */
export function useSelection(filter: unknown): Selection {
  const name = JSON.stringify(filter)
  const [state, setState] = useState<{ name: string; chosen: Chosen }>({ name, chosen: NONE })
  const chosen = state.name === name ? state.chosen : NONE
  const set = (next: Chosen) => setState({ name, chosen: next })
  return {
    chosen,
    empty: !chosen.all && chosen.ids.length === 0,
    choose: (ids) => set({ all: false, ids }),
    chooseAll: () => set({ all: true }),
    clear: () => set(NONE),
  }
}

const NONE: Chosen = { all: false, ids: [] }
