import { describe, expect, it } from 'vitest'
import { added, begun, drawn, ends, faults, FIRST, LAST, place, shifted, shut, snap, starts, STEP, stretched, whyNotAdd, type Slot } from './slots'

const slots = (...pairs: [number, number][]): Slot[] => pairs.map(([start, end]) => ({ start_min: start * 60, end_min: end * 60 }))
const two = slots([9, 12], [14, 18])

describe('moving', () => {
  it('goes as far as the neighbours', () => {
    expect(shifted(two, 0, 60)).toEqual(slots([10, 13], [14, 18]))
    expect(shifted(two, 0, 600)).toEqual(slots([11, 14], [14, 18]))
    expect(shifted(two, 0, -600)).toEqual(slots([6, 9], [14, 18]))
    expect(shifted(two, 1, 6000)).toEqual(slots([9, 12], [19, 23]))
  })

  it('stretches as far as the neighbours, and never below half an hour', () => {
    expect(stretched(two, 0, 'end', 15 * 60)).toEqual(slots([9, 14], [14, 18]))
    expect(stretched(two, 0, 'end', 60)).toEqual(slots([9, 9.5], [14, 18]))
    expect(stretched(two, 1, 'start', 11 * 60)).toEqual(slots([9, 12], [12, 18]))
    expect(stretched(two, 1, 'start', 23 * 60)).toEqual(slots([9, 12], [17.5, 18]))
  })

  it('leaves everything as it is for a slot that is not there', () => {
    expect(shifted(two, 7, 60)).toEqual(two)
    expect(stretched(two, 7, 'end', 60)).toEqual(two)
  })
})

describe('a new slot', () => {
  it('is drawn in either direction and stops at its neighbours', () => {
    expect(drawn(two, 18.5 * 60, 20 * 60)).toEqual(slots([9, 12], [14, 18], [18.5, 20]))
    expect(drawn(two, 20 * 60, 16 * 60)).toEqual(slots([9, 12], [14, 18], [18, 20]))
    expect(drawn(two, 12 * 60, 22 * 60)).toEqual(slots([9, 12], [12, 14], [14, 18]))
    expect(drawn([], 8 * 60, 8 * 60)).toEqual(slots([8, 8.5]))
    expect(drawn([], LAST, LAST)).toEqual(slots([22.5, 23]))
  })

  it('has no room within another one, or beside four', () => {
    expect(drawn(two, 10 * 60, 11 * 60)).toBeUndefined()
    expect(drawn(slots([6, 7], [8, 9], [10, 11], [12, 13]), 14 * 60, 15 * 60)).toBeUndefined()
  })

  it('follows the suggestion, then the widest gap', () => {
    expect(added([])).toEqual(slots([9, 12]))
    expect(added(slots([9, 12]))).toEqual(two)
    expect(added(two)).toEqual(slots([9, 12], [14, 18], [18, 19.5]))
    expect(added(slots([6, 23]))).toEqual(slots([6, 23]))
  })

  it('says why there is none', () => {
    expect(whyNotAdd(two)).toBeUndefined()
    expect(whyNotAdd(slots([6, 23]))).toBe('full')
    expect(whyNotAdd(slots([6, 7], [8, 9], [10, 11], [12, 13]))).toBe('most')
  })
})

describe('times to choose from', () => {
  it('offers no beginning within another slot and no end behind the next', () => {
    expect(starts(two, 0)).not.toContain(14 * 60)
    expect(starts(two, 0)).toContain(18 * 60)
    expect(ends(two, 0).at(0)).toBe(9.5 * 60)
    expect(ends(two, 0).at(-1)).toBe(14 * 60)
  })

  it('takes the end along', () => {
    expect(begun(two, 0, 10 * 60)).toEqual(slots([10, 12], [14, 18]))
    expect(begun(two, 0, 13 * 60)).toEqual(slots([13, 14], [14, 18]))
    expect(begun(two, 0, 18 * 60)).toEqual(slots([18, 21], [14, 18]))
    expect(begun(two, 0, 15 * 60)).toEqual(two)
  })
})

it('names what is wrong with slots from elsewhere', () => {
  expect(faults(two)).toEqual([])
  expect(faults(slots([12, 9], [5, 7], [10, 12], [11, 13], [15, 16]))).toEqual([
    { at: 0, fault: 'order' },
    { at: 1, fault: 'bounds' },
    { at: 3, fault: 'overlap' },
    { at: 4, fault: 'most' },
  ])
})

it('cuts off what is outside the open hours', () => {
  expect(shut({ start_min: 480, end_min: 1260 }, slots([12, 13]))).toEqual(slots([6, 8], [21, 23], [12, 13]))
  expect(shut({ start_min: 0, end_min: 1440 }, slots([3, 5]))).toEqual([])
})

it('snaps to half hours of the day', () => {
  expect([snap(0), snap(559), snap(1439)]).toEqual([FIRST, 570, LAST])
  expect([place(FIRST), place(LAST), place(0)]).toEqual([0, 100, 0])
})

it('keeps its rules whatever is done to it', () => {
  let seed = 7
  const random = (below: number) => (seed = (seed * 16_807) % 2_147_483_647) % below
  let week: Slot[] = []
  for (let turn = 0; turn < 5_000; turn++) {
    const at = random(4)
    const minute = snap(FIRST + random(LAST - FIRST))
    const change = [() => shifted(week, at, (random(9) - 4) * STEP), () => stretched(week, at, 'start', minute), () => stretched(week, at, 'end', minute), () => drawn(week, minute, snap(random(1440))) ?? week, () => added(week), () => begun(week, at, minute), () => week.filter((_, index) => index !== at)]
    week = change[random(change.length)]!()
    expect(faults(week), JSON.stringify(week)).toEqual([])
    expect(week.every((slot) => slot.start_min % STEP === 0 && slot.end_min % STEP === 0)).toBe(true)
  }
})
