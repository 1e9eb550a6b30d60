/** Keys that act anywhere on a page. Single letters can be switched off and never act while somebody types. */
import { useEffect, useEffectEvent } from 'react'
import { usePreference } from '@/api/preferences'

/** Milliseconds in which the second key of `g c` has to come. */
const CHORD = 1_200

export function useSingleKeys(): [boolean, (on: boolean) => void] {
  return usePreference('single_keys', true)
}

/** `useKey('n', create)`, `useKey('g c', …)`. `when` false: the key does nothing. */
export function useKey(keys: string, act: () => void, when = true): void {
  const [on] = useSingleKeys()
  const run = useEffectEvent(act)
  useEffect(() => {
    if (!on || !when) return
    const [first, second] = keys.split(' ')
    let since = 0
    const heard = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event.target) || covered()) return
      if (second === undefined) {
        if (event.key !== first) return
      } else if (event.key === second && event.timeStamp - since < CHORD) {
        since = 0
      } else {
        since = event.key === first ? event.timeStamp : 0
        return
      }
      event.preventDefault()
      run()
    }
    addEventListener('keydown', heard)
    return () => removeEventListener('keydown', heard)
  }, [keys, on, when])
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.closest('input, textarea, select, [role="combobox"], [role="slider"]') !== null)
}

/** A dialog lies over the page: its keys are meant. */
function covered(): boolean {
  return document.querySelector('.ant-modal-wrap:not([style*="display: none"]), .ant-drawer-open') !== null
}
