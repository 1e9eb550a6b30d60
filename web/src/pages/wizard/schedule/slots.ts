/**
 * Arithmetic of time slots: minutes since midnight in steps of half an hour, between 06:00 and 23:00, at most four, none
 * over another. Every change answers slots that hold these rules; what cannot be done leaves them as they are.
 */
import type { Schema } from '@/api/client'

export type Slot = Schema['Slot']

export const FIRST = 360
export const LAST = 1380
export const STEP = 30
export const MOST = 4

/** Mornings and afternoons with a break at noon. */
export const SUGGESTED: readonly Slot[] = [{ start_min: 540, end_min: 720 }, { start_min: 840, end_min: 1080 }]

/** The nearest half hour within the day. */
export function snap(minute: number): number {
  return Math.min(LAST, Math.max(FIRST, Math.round(minute / STEP) * STEP))
}

export function sorted(slots: readonly Slot[]): Slot[] {
  return [...slots].sort((a, b) => a.start_min - b.start_min)
}

/** Minutes between which a slot can lie without touching the others: `skip` is the slot itself. */
export function room(slots: readonly Slot[], skip: number, around: number): Slot {
  const others = slots.filter((_, index) => index !== skip)
  return {
    start_min: Math.max(FIRST, ...others.filter((slot) => slot.end_min <= around).map((slot) => slot.end_min)),
    end_min: Math.min(LAST, ...others.filter((slot) => slot.start_min >= around).map((slot) => slot.start_min)),
  }
}

/** A slot moved by so many minutes, as far as its neighbours let it. */
export function shifted(slots: readonly Slot[], at: number, by: number): Slot[] {
  const slot = slots[at]
  if (slot === undefined) return [...slots]
  const bounds = room(slots, at, slot.start_min)
  const length = slot.end_min - slot.start_min
  const start = Math.min(bounds.end_min - length, Math.max(bounds.start_min, slot.start_min + by))
  return replaced(slots, at, { start_min: start, end_min: start + length })
}

/** One end of a slot put to a minute, as far as its neighbours and its other end let it. */
export function stretched(slots: readonly Slot[], at: number, edge: 'start' | 'end', to: number): Slot[] {
  const slot = slots[at]
  if (slot === undefined) return [...slots]
  const bounds = room(slots, at, slot.start_min)
  if (edge === 'start') return replaced(slots, at, { ...slot, start_min: Math.max(bounds.start_min, Math.min(to, slot.end_min - STEP)) })
  return replaced(slots, at, { ...slot, end_min: Math.min(bounds.end_min, Math.max(to, slot.start_min + STEP)) })
}

/** A new slot from one minute to another, in either direction; `undefined` where there is no room for it. */
export function drawn(slots: readonly Slot[], from: number, to: number): Slot[] | undefined {
  if (slots.length >= MOST || slots.some((slot) => from > slot.start_min && from < slot.end_min)) return undefined
  const bounds = room(slots, -1, from)
  const back = to < from || from >= bounds.end_min
  const start = Math.max(bounds.start_min, back ? Math.min(to, from - STEP) : from)
  const end = Math.min(bounds.end_min, back ? from : Math.max(to, from + STEP))
  if (end - start < STEP) return undefined
  return sorted([...slots, { start_min: start, end_min: end }])
}

/** One slot more: of the suggestion what is still free, else the first hour and a half that is. */
export function added(slots: readonly Slot[]): Slot[] {
  if (slots.length >= MOST) return [...slots]
  const free = SUGGESTED.find((wish) => slots.every((slot) => slot.end_min <= wish.start_min || slot.start_min >= wish.end_min))
  if (free !== undefined) return sorted([...slots, free])
  const gap = gaps(slots).sort((a, b) => length(b) - length(a))[0]
  if (gap === undefined) return [...slots]
  return sorted([...slots, { start_min: gap.start_min, end_min: Math.min(gap.end_min, gap.start_min + 90) }])
}

/** Why no slot can be added: `undefined` when one can. */
export function whyNotAdd(slots: readonly Slot[]): 'most' | 'full' | undefined {
  if (slots.length >= MOST) return 'most'
  return gaps(slots).length === 0 ? 'full' : undefined
}

export function removed(slots: readonly Slot[], at: number): Slot[] {
  return slots.filter((_, index) => index !== at)
}

/** Times at which a slot may begin: not within another one. */
export function starts(slots: readonly Slot[], at: number): number[] {
  const others = slots.filter((_, index) => index !== at)
  return times(FIRST, LAST - STEP).filter((minute) => others.every((slot) => minute < slot.start_min || minute >= slot.end_min))
}

/** Times at which it may end: behind its beginning, before the next one. */
export function ends(slots: readonly Slot[], at: number): number[] {
  const start = slots[at]!.start_min
  return times(start - (start % STEP) + STEP, room(slots, at, start).end_min)
}

/** A slot that begins at another time; its end comes along where it would be before it or in the next slot. */
export function begun(slots: readonly Slot[], at: number, start: number): Slot[] {
  const slot = slots[at]
  if (slot === undefined || !starts(slots, at).includes(start)) return [...slots]
  const limit = room(slots, at, start).end_min
  const end = slot.end_min > start && slot.end_min <= limit ? slot.end_min : Math.min(limit, start + Math.max(STEP, length(slot)))
  return replaced(slots, at, { start_min: start, end_min: end })
}

/** What is wrong with slots that came from elsewhere, by their place. */
export function faults(slots: readonly Slot[]): { at: number; fault: SlotFault }[] {
  return slots.map((slot, at) => ({ at, fault: faultOf(slots, slot, at) })).filter((one): one is { at: number; fault: SlotFault } => one.fault !== undefined)
}

export type SlotFault = 'order' | 'bounds' | 'overlap' | 'most'

function faultOf(slots: readonly Slot[], slot: Slot, at: number): SlotFault | undefined {
  if (at >= MOST) return 'most'
  if (slot.start_min >= slot.end_min) return 'order'
  if (slot.start_min < FIRST || slot.end_min > LAST) return 'bounds'
  return slots.slice(0, at).some((other) => other.start_min < slot.end_min && slot.start_min < other.end_min) ? 'overlap' : undefined
}

/** Parts of the day that are cut off: outside the open hours, and the closed times within. */
export function shut(open: Slot, closed: readonly Slot[]): Slot[] {
  const outside = [{ start_min: FIRST, end_min: open.start_min }, { start_min: open.end_min, end_min: LAST }]
  return [...outside, ...closed]
    .map((part) => ({ start_min: Math.max(FIRST, part.start_min), end_min: Math.min(LAST, part.end_min) }))
    .filter((part) => length(part) > 0)
}

/** Where a minute lies in the lane, in percent of it. */
export function place(minute: number): number {
  return (100 * (Math.min(LAST, Math.max(FIRST, minute)) - FIRST)) / (LAST - FIRST)
}

function replaced(slots: readonly Slot[], at: number, slot: Slot): Slot[] {
  return slots.map((old, index) => (index === at ? slot : old))
}

function gaps(slots: readonly Slot[]): Slot[] {
  const all: Slot[] = []
  let from = FIRST
  for (const slot of sorted(slots)) {
    all.push({ start_min: from, end_min: slot.start_min })
    from = Math.max(from, slot.end_min)
  }
  all.push({ start_min: from, end_min: LAST })
  return all.filter((gap) => length(gap) >= STEP)
}

function length(slot: Slot): number {
  return slot.end_min - slot.start_min
}

function times(from: number, to: number): number[] {
  const all: number[] = []
  for (let minute = from; minute <= to; minute += STEP) all.push(minute)
  return all
}
