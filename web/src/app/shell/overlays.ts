/** What lies over the page and is opened from several places. */
import { useSyncExternalStore } from 'react'

export type Overlay = 'palette' | 'keys' | 'profile' | null

let open: Overlay = null
const watchers = new Set<() => void>()

export const openPalette = () => show('palette')
export const openKeys = () => show('keys')
export const openProfile = () => show('profile')
export const closeOverlay = () => show(null)

export function useOverlay(): Overlay {
  return useSyncExternalStore(watch, () => open)
}

function show(next: Overlay): void {
  open = next
  for (const watcher of watchers) watcher()
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher)
  return () => watchers.delete(watcher)
}
