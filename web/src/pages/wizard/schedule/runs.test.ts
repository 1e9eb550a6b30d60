import { describe, expect, it } from 'vitest'
import { byDates, DAYS, freeDays, ownerOf, ownerOfDate, runFaults, runOf, runsOf, splitOff, toggled, weekdayOf, weekdays, withDate, withoutRun, withRun, type Run } from './runs'

const week: Run[] = [runOf(['mon', 'tue', 'wed']), runOf(['thu'])]

describe('days of runs', () => {
  it('are all of them when nothing is said', () => {
    expect(weekdays(runsOf({ time_zone: 'UTC' })[0])).toEqual(DAYS)
    expect(weekdays({})).toEqual(DAYS)
  })

  it('belong to one run', () => {
    expect(ownerOf(week, 'thu')).toBe(1)
    expect(freeDays(week)).toEqual(['fri', 'sat', 'sun'])
    expect(toggled(week, 0, 'thu')).toEqual(week)
    expect(weekdays(toggled(week, 0, 'sun')[0])).toEqual(['mon', 'tue', 'wed', 'sun'])
    expect(weekdays(toggled(week, 0, 'tue')[0])).toEqual(['mon', 'wed'])
  })

  it('go to a run of their own with its slots, but not its id', () => {
    const run: Run = { ...runOf(['mon', 'tue']), id: 'x', slots: [{ start_min: 540, end_min: 720 }] }
    const [stays, goes] = splitOff([run], 0, 'tue')
    expect(weekdays(stays)).toEqual(['mon'])
    expect(weekdays(goes)).toEqual(['tue'])
    expect(goes).toMatchObject({ slots: run.slots })
    expect(goes).not.toHaveProperty('id')
    expect(splitOff(week, 1, 'thu')).toEqual(week)
  })

  it('are what is left for a new run, and dates when nothing is', () => {
    expect(weekdays(withRun(week)[2])).toEqual(['fri', 'sat', 'sun'])
    expect(withRun([runOf([...DAYS])])[1]?.days).toEqual({ dates: [] })
  })

  it('are free again when a run goes; the last one stays', () => {
    expect(freeDays(withoutRun(week, 1))).toContain('thu')
    expect(withoutRun([runOf(['mon'])], 0)).toHaveLength(1)
  })
})

describe('dates', () => {
  const dated: Run[] = [runOf(['mon']), { ...runOf([]), days: { dates: ['2026-12-24'] } }]

  it('know their weekday', () => {
    expect([weekdayOf('2026-11-22'), weekdayOf('2026-11-23'), weekdayOf('2028-02-29')]).toEqual(['sun', 'mon', 'tue'])
  })

  it('are refused when a run has them or their weekday', () => {
    expect(ownerOfDate(dated, '2026-12-24')).toBe(1)
    expect(ownerOfDate(dated, '2026-12-28')).toBe(0)
    expect(withDate(dated, 1, '2026-12-28')).toEqual(dated)
    expect(withDate(dated, 1, '2026-12-22')[1]?.days).toEqual({ dates: ['2026-12-22', '2026-12-24'] })
  })

  it('give the free weekdays back', () => {
    expect(weekdays(byDates(dated[1]!, false, dated))).toEqual(DAYS.slice(1))
    expect(byDates(dated[0]!, true, dated).days).toEqual({ dates: [] })
  })
})

it('tells what keeps a run from being saved', () => {
  expect(runFaults(runOf(['mon']))).toEqual([])
  expect(runFaults(runOf([]))).toEqual(['no_days'])
  expect(runFaults({ ...runOf(['mon']), slots: [{ start_min: 700, end_min: 600 }] })).toContain('slots')
  expect(runFaults({ ...runOf(['mon']), slots: [{ start_min: 1260, end_min: 1380 }] })).toEqual(['outside'])
})
