import { expect, it } from 'vitest'
import { wallTime } from './save'

it('tells a moment as the clocks of the zone show it', () => {
  expect(wallTime('2027-03-01T08:00:00Z', 'Europe/Berlin')).toBe('2027-03-01T09:00:00')
  expect(wallTime('2027-07-01T22:30:15Z', 'Europe/Berlin')).toBe('2027-07-02T00:30:15')
  expect(wallTime('2027-03-01T05:00:00Z', 'America/New_York')).toBe('2027-03-01T00:00:00')
})
