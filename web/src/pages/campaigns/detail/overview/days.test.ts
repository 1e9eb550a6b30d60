import { describe, expect, it } from 'vitest'
import { daysOf, grouped } from './days'

const hour = (day: number, at: number, dials: number, answered: number) => ({ from: new Date(2026, 10, day, at).toISOString(), dials, answered, minutes: 0 })

describe('days of a forecast', () => {
  it('adds up the hours of a day, in order', () => {
    const days = daysOf([hour(24, 9, 3, 1), hour(23, 9, 10, 4), hour(23, 17, 5, 2)])
    expect(days.map(({ day, dials, answered }) => [day.getDate(), dials, answered])).toEqual([[23, 15, 6], [24, 3, 1]])
  })

  it('keeps every dial when days are put together', () => {
    const days = daysOf(Array.from({ length: 25 }, (_, at) => hour(1 + at, 12, at, 1)))
    const bars = grouped(days, 10)
    expect(bars).toHaveLength(9)
    expect(bars.reduce((sum, bar) => sum + bar.dials, 0)).toBe(300)
    expect(grouped(days, 25)).toHaveLength(25)
  })
})
