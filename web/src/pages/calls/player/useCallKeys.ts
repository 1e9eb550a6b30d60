/** Keys of an open call. They act in its drawer too, where the page's own keys rest. */
import { useEffect, useEffectEvent } from 'react'
import type { Line } from '@/api/calls'
import { useSingleKeys } from '@/app/keys'
import { stepLine } from '../transcript/lines'
import type { Player } from './usePlayer'

/** Milliseconds that an arrow goes. */
const STRIDE = 5_000

export function useCallKeys(player: Player, lines: readonly Line[]): void {
  const [on] = useSingleKeys()
  const act = useEffectEvent((key: string): boolean => {
    if (!player.has) return false
    const line = key === '.' ? stepLine(lines, player.ms, 1) : key === ',' ? stepLine(lines, player.ms, -1) : undefined
    if (key === ' ') player.toggle()
    else if (key === 'ArrowLeft') player.seek(player.ms - STRIDE)
    else if (key === 'ArrowRight') player.seek(player.ms + STRIDE)
    else if (line !== undefined) player.seek(line)
    else return false
    return true
  })
  useEffect(() => {
    if (!on) return
    const heard = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.defaultPrevented || busy(event)) return
      if (act(event.key)) event.preventDefault()
    }
    addEventListener('keydown', heard)
    return () => removeEventListener('keydown', heard)
  }, [on])
}

/** Somebody types, moves a slider or a choice, or presses what has the focus. */
function busy({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (document.querySelector('.ant-modal-wrap:not([style*="display: none"])') !== null) return true
  if (target.isContentEditable || target.closest('input, textarea, select, [role="combobox"], [role="slider"], [role="radiogroup"]') !== null) return true
  return key === ' ' && target.closest('button, a, summary') !== null
}
