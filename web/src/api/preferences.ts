/** How a person likes the console: kept by the server for the user, and in this browser for when it cannot. */
import { queryOptions, useQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback } from 'react'
import { send } from './client'
import { useSession } from './session'

const PREFIX = 'callwright:'

const preferencesQuery = queryOptions({
  queryKey: ['preferences'],
  queryFn: () => send<Record<string, unknown>>('GET', '/api/v1/preferences'),
  staleTime: Infinity,
  retry: false,
})

/** A value under a key, and how to change it. The browser's copy answers at once, the server's as soon as it is there. */
export function usePreference<T>(key: string, initial: T): [T, (value: T) => void] {
  const client = useQueryClient()
  const signedIn = useSession() !== null
  const { data } = useQuery({ ...preferencesQuery, enabled: signedIn })
  const stored = data?.[key]
  const value = (stored === undefined ? (local(key) ?? initial) : stored) as T
  const set = useCallback(
    (next: T) => {
      remember(key, next)
      client.setQueryData(preferencesQuery.queryKey, (all) => ({ ...all, [key]: next }))
      if (signedIn) void send('PUT', `/api/v1/preferences/${encodeURIComponent(key)}`, { value: next }).catch(() => {})
    },
    [client, key, signedIn],
  )
  return [value, set]
}

/** The browser's copy alone: for what is needed before anybody is signed in. */
export function local(key: string): unknown {
  try {
    const text = localStorage.getItem(PREFIX + key)
    return text === null ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

export function remember(key: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value))
  } catch {
    // A browser that stores nothing forgets it with the page.
  }
}
