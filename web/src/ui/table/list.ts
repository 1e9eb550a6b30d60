/**
 * Where in a list a page is: sort, page and cursor from the address, rows a page from the person's choice. The server
 * pages by cursors, so the way back is remembered while the console is open; a link that was opened in the middle of
 * a list goes back to its first page.
 */
import { useLocation } from '@tanstack/react-router'
import { usePreference } from '@/api/preferences'
import { useSearch, type Search } from '@/app/search-params'
import type { Arrangement } from './columns'

export const SIZES = [10, 20, 50, 100]

export interface ListState {
  id: string
  size: number
  page: number
  sort: string | undefined
  /** For the request. */
  wish: { limit: number; after: string | undefined; sort: string | undefined }
  /** Changes filters, and goes to the first page. */
  filter(change: Search): void
  sortBy(sort: string | undefined): void
  next(cursor: string): void
  back(): void
  resize(size: number): void
  arrangement: Arrangement
  arrange(change: Arrangement): void
}

/** Cursors of the pages that were seen, by list and filter. */
const trails = new Map<string, string[]>()

export function useList(id: string, options: { sort?: string; size?: number } = {}): ListState {
  const [search, patch] = useSearch()
  const [arrangement, setArrangement] = usePreference<Arrangement>(`table.${id}`, {})
  const path = useLocation({ select: (location) => location.pathname })
  const size = SIZES.includes(arrangement.size ?? 0) ? arrangement.size! : (options.size ?? 20)
  const after = search.after
  const page = after === undefined ? 1 : Math.max(2, Number(search.page) || 2)
  const sort = search.sort ?? options.sort
  const { after: _after, page: _page, ...filters } = search
  const trail = trailOf(`${id} ${path} ${size} ${JSON.stringify(filters)}`)
  const first = { after: undefined, page: undefined }

  return {
    id,
    size,
    page,
    sort,
    wish: { limit: size, after, sort },
    filter: (change) => patch({ ...change, ...first }),
    sortBy: (next) => patch({ sort: next === options.sort ? undefined : next, ...first }),
    next(cursor) {
      trail[page - 1] = after ?? ''
      patch({ after: cursor, page: String(page + 1) })
    },
    back() {
      const before = trail[page - 2]
      patch(before ? { after: before, page: String(page - 1) } : first)
    },
    resize(next) {
      setArrangement({ ...arrangement, size: next })
      patch(first)
    },
    arrangement,
    arrange: (change) => setArrangement({ ...arrangement, ...change }),
  }
}

function trailOf(key: string): string[] {
  const known = trails.get(key)
  if (known !== undefined) return known
  if (trails.size > 100) trails.clear()
  const fresh: string[] = []
  trails.set(key, fresh)
  return fresh
}
