/** Columns of a table, and how a person has arranged them. */
import type { ReactNode } from 'react'

export interface Column<Row> {
  key: string
  title: string
  render: (row: Row) => ReactNode
  /** Field by which the server can sort. */
  sort?: string
  /** Pixels, with room for the other language. */
  width: number
  align?: 'right'
  /** The name stays at the start, the actions at the end; both are always shown. */
  fixed?: 'start' | 'end'
  /** Waits in the chooser until somebody wants it. */
  hidden?: boolean
  /** The head has no visible words, such as over buttons. */
  quiet?: boolean
}

/** What a person has chosen; keys of columns that no longer exist are ignored. */
export interface Arrangement {
  order?: string[]
  shown?: string[]
  size?: number
}

type Arranged = Pick<Column<never>, 'key' | 'fixed' | 'hidden'>

/** All columns in the person's order; new ones come where the page has them, fixed ones stay at their ends. */
export function ordered<C extends Arranged>(columns: readonly C[], order: readonly string[] | undefined): C[] {
  const rank = new Map(order?.map((key, index) => [key, index]))
  const free = columns.filter((column) => column.fixed === undefined)
  const sorted = order === undefined ? free : [...free].sort((a, b) => (rank.get(a.key) ?? place(free, a, rank)) - (rank.get(b.key) ?? place(free, b, rank)))
  return [...columns.filter((column) => column.fixed === 'start'), ...sorted, ...columns.filter((column) => column.fixed === 'end')]
}

export function isShown(column: Arranged, shown: readonly string[] | undefined): boolean {
  if (column.fixed !== undefined) return true
  return shown === undefined ? column.hidden !== true : shown.includes(column.key)
}

/** The order after moving a column by one place; the same order at the ends. */
export function moved(keys: readonly string[], key: string, by: 1 | -1): string[] {
  const at = keys.indexOf(key)
  const to = at + by
  if (at < 0 || to < 0 || to >= keys.length) return [...keys]
  const next = [...keys]
  next.splice(at, 1)
  next.splice(to, 0, key)
  return next
}

/** A column that the arrangement does not know stands behind the one before it on the page. */
function place<C extends Arranged>(free: readonly C[], column: C, rank: Map<string, number>): number {
  for (let at = free.indexOf(column) - 1; at >= 0; at--) {
    const known = rank.get(free[at]!.key)
    if (known !== undefined) return known + 0.5
  }
  return -1
}
