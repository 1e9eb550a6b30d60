/** Light, dark, or what the system says; remembered in the browser, so that the first paint is right. */
import { useSyncExternalStore } from 'react'
import { local, remember } from '@/api/preferences'
import { applyVars, type Mode } from '@/theme'

export type ThemeChoice = Mode | 'system'

const system = matchMedia('(prefers-color-scheme: dark)')
const watchers = new Set<() => void>()
let choice: ThemeChoice = choiceOf(local('theme'))

system.addEventListener('change', show)
show()

export function chooseTheme(next: ThemeChoice): void {
  choice = next
  remember('theme', next)
  show()
}

export function useThemeChoice(): ThemeChoice {
  return useSyncExternalStore(watch, () => choice)
}

export function useMode(): Mode {
  return useSyncExternalStore(watch, mode)
}

function mode(): Mode {
  if (choice !== 'system') return choice
  return system.matches ? 'dark' : 'light'
}

function show(): void {
  document.documentElement.dataset.theme = mode()
  applyVars(mode())
  for (const watcher of watchers) watcher()
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher)
  return () => watchers.delete(watcher)
}

function choiceOf(stored: unknown): ThemeChoice {
  return stored === 'light' || stored === 'dark' ? stored : 'system'
}
