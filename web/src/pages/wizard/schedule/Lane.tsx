/**
 * The slots of a day as blocks on a lane from 06:00 to 23:00. A pointer draws new ones, moves them and pulls their ends;
 * with the keyboard arrows go from slot to slot and day to day, `Shift` and an arrow moves one, `Enter` edits, `+` adds,
 * `Delete` removes.
 */
import { useRef, type KeyboardEvent, type PointerEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { clock } from '@/ui/format'
import { drawn, FIRST, LAST, place, removed, shifted, snap, STEP, stretched, type Slot } from './slots'

/** Part of the day in which nobody is called, and by whose rule. */
export interface Shade extends Slot {
  why: string
}

interface Props {
  /** Names the lane among the others for the keyboard. */
  row: string
  label: string
  slots: readonly Slot[]
  /** Hours that hold without any slot. */
  open: Slot
  shades: readonly Shade[]
  /** Which slot the tab key leads to: of all lanes one has it. */
  focused: number | undefined
  readOnly?: boolean
  onChange: (slots: Slot[]) => void
  onFocus: (at: number) => void
  /** Another lane or slot is wanted: -1 the day before, 1 the day after. */
  onLeave: (by: -1 | 1) => void
  onEdit: () => void
  onAdd: () => void
}

interface Drag {
  kind: 'move' | 'start' | 'end' | 'draw'
  at: number
  /** Minute under the pointer when it went down. */
  from: number
  base: readonly Slot[]
}

/** Pixels at both ends of a block that pull its end. */
const EDGE = 8

export function Lane(props: Props) {
  const { slots, open, onChange } = props
  const { t } = useTranslation(['wizard', 'campaigns'])
  const lane = useRef<HTMLDivElement>(null)
  const drag = useRef<Drag | undefined>(undefined)
  const range = (slot: Slot) => `${clock(slot.start_min)}–${clock(slot.end_min)}`
  const minuteAt = (x: number) => {
    const box = lane.current!.getBoundingClientRect()
    return FIRST + ((x - box.left) / box.width) * (LAST - FIRST)
  }

  const down = (event: PointerEvent) => {
    if (props.readOnly || event.button !== 0) return
    const block = (event.target as HTMLElement).closest<HTMLElement>('[data-slot]')
    const at = Number(block?.dataset.slot ?? -1)
    const from = minuteAt(event.clientX)
    if (block === null || at < 0 || slots[at] === undefined) {
      drag.current = { kind: 'draw', at: -1, from: snap(from), base: slots }
    } else {
      const box = block.getBoundingClientRect()
      const kind = event.clientX - box.left < EDGE ? 'start' : box.right - event.clientX < EDGE ? 'end' : 'move'
      drag.current = { kind, at, from, base: slots }
    }
    lane.current!.setPointerCapture(event.pointerId)
  }
  const move = (event: PointerEvent) => {
    const now = drag.current
    if (now === undefined) return
    const minute = minuteAt(event.clientX)
    if (now.kind === 'move') onChange(shifted(now.base, now.at, Math.round((minute - now.from) / STEP) * STEP))
    else if (now.kind === 'draw') Math.abs(minute - now.from) >= STEP / 2 && onChange(drawn(now.base, now.from, snap(minute)) ?? [...now.base])
    else onChange(stretched(now.base, now.at, now.kind, snap(minute)))
  }
  const up = () => {
    drag.current = undefined
  }

  const key = (event: KeyboardEvent, at: number) => {
    const sideways = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0
    if (sideways !== 0 && event.shiftKey && !props.readOnly) onChange(shifted(slots, at, sideways * STEP))
    else if (sideways !== 0) props.onFocus(Math.max(0, Math.min(slots.length - 1, at + sideways)))
    else if (event.key === 'ArrowUp') props.onLeave(-1)
    else if (event.key === 'ArrowDown') props.onLeave(1)
    else if (props.readOnly) return
    else if (event.key === '+') props.onAdd()
    else if (event.key === 'Delete' || event.key === 'Backspace') {
      onChange(removed(slots, at))
      props.onFocus(Math.max(0, at - 1))
    } else return
    event.preventDefault()
  }
  const block = (slot: Slot, at: number, text: string, whole = false) => (
    <button
      key={at}
      type="button"
      className="cw-slot"
      data-slot={at}
      data-row={props.row}
      data-whole={whole || undefined}
      style={{ insetInlineStart: `${place(slot.start_min)}%`, inlineSize: `${place(slot.end_min) - place(slot.start_min)}%` }}
      tabIndex={props.focused === at ? 0 : -1}
      aria-label={`${props.label}, ${range(slot)}${whole ? `, ${t('when.all_hours')}` : ''}`}
      title={range(slot)}
      onFocus={() => props.onFocus(at)}
      onKeyDown={(event) => key(event, at)}
      onDoubleClick={props.readOnly ? undefined : props.onEdit}
      onClick={(event) => event.detail === 0 && !props.readOnly && props.onEdit()}
    >
      <span>{text}</span>
    </button>
  )

  return (
    <div className="cw-lane" ref={lane} onPointerDown={down} onPointerMove={move} onPointerUp={up} onPointerCancel={up} data-read={props.readOnly || undefined}>
      {slots.length === 0 ? block(open, 0, t('when.all_hours'), true) : slots.map((slot, at) => block(slot, at, range(slot)))}
      {props.shades.map((shade) => (
        <span key={`${shade.start_min}${shade.end_min}${shade.why}`} className="cw-shade" style={{ insetInlineStart: `${place(shade.start_min)}%`, inlineSize: `${place(shade.end_min) - place(shade.start_min)}%` }} aria-hidden />
      ))}
    </div>
  )
}
