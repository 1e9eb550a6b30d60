/** Where one is, told by the page and shown in the header and in the browser's title. */
import { useEffect, useSyncExternalStore } from 'react'

export interface Crumb {
  label: string
  to?: string
}

let crumbs: readonly Crumb[] = []
const watchers = new Set<() => void>()

/** The last one is the page itself. Called by every page, once. */
export function useCrumbs(...path: Crumb[]): void {
  const text = JSON.stringify(path)
  useEffect(() => {
    crumbs = JSON.parse(text) as Crumb[]
    document.title = [...crumbs.map((crumb) => crumb.label).reverse(), 'Callwright'].join(' · ')
    for (const watcher of watchers) watcher()
  }, [text])
}

export function useCrumbTrail(): readonly Crumb[] {
  return useSyncExternalStore(watch, () => crumbs)
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher)
  return () => watchers.delete(watcher)
}
