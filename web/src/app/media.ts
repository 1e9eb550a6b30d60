/** Widths at which pages change their shape. */
import { useSyncExternalStore } from 'react'

/** The rail shows icons only. */
export const NARROW = '(max-width: 1199px)'
/** Editors become drawers. */
export const SMALL = '(max-width: 767px)'

export function useMedia(query: string): boolean {
  const media = matchMedia(query)
  return useSyncExternalStore(
    (watcher) => {
      media.addEventListener('change', watcher)
      return () => media.removeEventListener('change', watcher)
    },
    () => media.matches,
  )
}
