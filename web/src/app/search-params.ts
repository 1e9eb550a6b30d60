/**
 * Everything after `?` as plain text values: `?state=draft,paused&page=2`. A place is a URL, so filters, sort and page
 * live here and nowhere else; links stay readable and can be written by hand.
 */
import { useLocation, useNavigate } from '@tanstack/react-router'
import { useCallback } from 'react'

export type Search = Record<string, string | undefined>

export function parseSearch(text: string): Search {
  return Object.fromEntries(new URLSearchParams(text))
}

export function stringifySearch(search: Record<string, unknown>): string {
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(search)) if (value !== undefined && value !== null && value !== '') query.set(key, String(value))
  const text = query.toString().replaceAll('%2C', ',').replaceAll('%3A', ':')
  return text === '' ? '' : `?${text}`
}

/** The values and how to change some: `patch({ state: 'draft', page: undefined })`. `replace` leaves no step for Back. */
export function useSearch(): [Search, (change: Search, options?: { replace?: boolean }) => void] {
  const search = useLocation({ select: (location) => location.search as Search })
  const navigate = useNavigate()
  const patch = useCallback(
    (change: Search, options?: { replace?: boolean }) => {
      void navigate({ to: '.', search: ((old: Search) => ({ ...old, ...change })) as never, replace: options?.replace ?? false, resetScroll: false })
    },
    [navigate],
  )
  return [search, patch]
}

/** `a,b` as a list. */
export function listOf<T extends string>(value: string | undefined): T[] {
  return value ? (value.split(',') as T[]) : []
}
