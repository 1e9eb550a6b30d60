/** Which run has which day. A run has weekdays or single dates; no day belongs to two of them. */
import type { Schema } from '@/api/client'
import { faults } from './slots'

export type Run = Schema['Run']
export type Day = Schema['Day']
export type Schedule = Schema['Schedule']

export const DAYS: readonly Day[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
/** Hours in which people may be called unless a run says otherwise. */
export const OPEN: Schema['Slot'] = { start_min: 480, end_min: 1260 }

/** What the server makes of a run of which nothing is said. */
export function runOf(days: Day[]): Run {
  return { days: { weekdays: days }, slots: [], channels: ['calls'], audience: 'all_unfinished', callbacks: { enabled: true, outside_hours: 'ask' } }
}

export function runsOf(schedule: Schedule): Run[] {
  return schedule.runs && schedule.runs.length > 0 ? schedule.runs : [runOf([...DAYS])]
}

export function weekdays(run: Run | undefined): Day[] {
  if (run === undefined) return []
  if (run.days === undefined) return [...DAYS]
  return 'weekdays' in run.days ? run.days.weekdays : []
}

/** `undefined`: the run goes by weekdays. */
export function dates(run: Run): string[] | undefined {
  return run.days !== undefined && 'dates' in run.days ? run.days.dates : undefined
}

/** The place of the run that a weekday belongs to. */
export function ownerOf(runs: readonly Run[], day: Day): number | undefined {
  const at = runs.findIndex((run) => weekdays(run).includes(day))
  return at < 0 ? undefined : at
}

/** The place of the run that a date belongs to. */
export function ownerOfDate(runs: readonly Run[], date: string): number | undefined {
  const at = runs.findIndex((run) => dates(run)?.includes(date))
  return at < 0 ? ownerOf(runs, weekdayOf(date)) : at
}

export function weekdayOf(date: string): Day {
  return DAYS[(new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7]!
}

export function freeDays(runs: readonly Run[]): Day[] {
  return DAYS.filter((day) => ownerOf(runs, day) === undefined)
}

/** A day given to a run or taken from it. One that another run has stays there. */
export function toggled(runs: readonly Run[], at: number, day: Day): Run[] {
  const owner = ownerOf(runs, day)
  if (owner !== undefined && owner !== at) return [...runs]
  return changed(runs, at, (run) => {
    const had = weekdays(run)
    const now = had.includes(day) ? had.filter((one) => one !== day) : [...had, day]
    return { ...run, days: { weekdays: DAYS.filter((one) => now.includes(one)) } }
  })
}

/** A day moves to a run of its own, which is otherwise like the one it comes from. */
export function splitOff(runs: readonly Run[], at: number, day: Day): Run[] {
  const run = runs[at]
  const had = weekdays(run)
  if (run === undefined || !had.includes(day) || had.length === 1) return [...runs]
  const { id: _, ...rest } = run
  return [...toggled(runs, at, day), { ...rest, days: { weekdays: [day] } }]
}

/** One run more, with the weekdays that no run has; with dates when all are taken. */
export function withRun(runs: readonly Run[]): Run[] {
  const free = freeDays(runs)
  return [...runs, free.length > 0 ? runOf(free) : { ...runOf([]), days: { dates: [] } }]
}

export function withoutRun(runs: readonly Run[], at: number): Run[] {
  return runs.length === 1 ? [...runs] : runs.filter((_, index) => index !== at)
}

export function changed(runs: readonly Run[], at: number, change: (run: Run) => Run): Run[] {
  return runs.map((run, index) => (index === at ? change(run) : run))
}

/** Weekdays become dates and back; dates that other runs have are not taken over. */
export function byDates(run: Run, on: boolean, runs: readonly Run[]): Run {
  if (on) return { ...run, days: { dates: [] } }
  return { ...run, days: { weekdays: freeDays(runs) } }
}

/** A date given to a run; one that belongs to any run stays where it is. */
export function withDate(runs: readonly Run[], at: number, date: string): Run[] {
  if (ownerOfDate(runs, date) !== undefined) return [...runs]
  return changed(runs, at, (run) => ({ ...run, days: { dates: [...(dates(run) ?? []), date].sort() } }))
}

export type RunFault = 'no_days' | 'slots' | 'outside'

/** What keeps a run from being saved. */
export function runFaults(run: Run): RunFault[] {
  const all: RunFault[] = []
  if ((dates(run) ?? weekdays(run)).length === 0) all.push('no_days')
  const slots = run.slots ?? []
  if (faults(slots).length > 0) all.push('slots')
  const open = run.contact_hours ?? OPEN
  if (slots.length > 0 && slots.every((slot) => slot.end_min <= open.start_min || slot.start_min >= open.end_min)) all.push('outside')
  return all
}
