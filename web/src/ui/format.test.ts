import { describe, expect, it } from 'vitest'
import { clock, duration, moment, number, percent } from './format'

describe('duration', () => {
  it.each([[0, '0:00'], [999, '0:00'], [59_900, '0:59'], [134_000, '2:14'], [3_725_000, '1:02:05'], [-5, '0:00']])('%i ms is %s', (ms, text) => {
    expect(duration(ms)).toBe(text)
  })
})

describe('moment', () => {
  const now = new Date(2026, 10, 22, 20, 0)
  it.each([
    [new Date(2026, 10, 22, 10, 41), 'today, 10:41'],
    [new Date(2026, 10, 23, 0, 5), 'tomorrow, 00:05'],
    [new Date(2026, 10, 21, 23, 59), 'yesterday, 23:59'],
    [new Date(2026, 10, 25, 9, 0), 'Wed 25 Nov, 09:00'],
    [new Date(2027, 0, 2, 9, 0), '2 Jan 2027'],
  ])('%s is %s', (at, text) => {
    expect(moment(at, now, 'en-GB').replace('Wed, ', 'Wed ')).toBe(text)
  })

  it('speaks German', () => {
    expect(moment(new Date(2026, 10, 22, 10, 41), now, 'de')).toBe('heute, 10:41')
  })
})

it('groups numbers and shows times of day', () => {
  expect(number(4210, 'en')).toBe('4,210')
  expect(number(4210, 'de')).toBe('4.210')
  expect(percent(0.674, 'en')).toBe('67%')
  expect(clock(545)).toBe('09:05')
})
