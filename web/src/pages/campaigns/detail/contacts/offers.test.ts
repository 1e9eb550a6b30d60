import { expect, it } from 'vitest'
import { offers } from './offers'

const at = (time: string) => `2026-11-23T${time}:00Z`
const times = (dates: Date[]) => dates.map((date) => date.toISOString().slice(11, 16))

it('offers quarters of an hour inside the windows', () => {
  expect(times(offers([{ from: at('09:05'), until: at('10:00') }, { from: at('14:00'), until: at('14:30') }], Date.parse(at('00:00'))))).toEqual(['09:15', '09:30', '09:45', '14:00', '14:15'])
})

it('offers nothing that has passed or is about to', () => {
  expect(times(offers([{ from: at('09:00'), until: at('10:00') }], Date.parse(at('09:26'))))).toEqual(['09:45'])
})
