import type { RefObject } from 'react'
import { useKey } from '@/app/keys'

/** `j` and `k` go through the rows by their first link, `x` ticks the row; `Enter` on the link opens it. */
export function useRowKeys(frame: RefObject<HTMLElement | null>): void {
  const rows = () => [...(frame.current?.querySelectorAll<HTMLElement>('tr.cw-row') ?? [])]
  const here = () => rows().findIndex((row) => row.contains(document.activeElement))
  const go = (by: number) => {
    const all = rows()
    const at = here()
    const row = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))]
    row?.querySelector<HTMLElement>('td:not(.cw-pick) a, td:not(.cw-pick) button')?.focus()
    row?.scrollIntoView({ block: 'nearest' })
  }
  useKey('j', () => go(1))
  useKey('k', () => go(-1))
  useKey('x', () => rows()[here()]?.querySelector<HTMLElement>('.cw-pick input')?.click())
}
