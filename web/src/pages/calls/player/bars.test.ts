import { describe, expect, it } from 'vitest'
import { bars, height, path, timeAt } from './bars'

describe('bars of a recording', () => {
  it('keep the loudest of each stretch', () => {
    expect(bars([1, 9, 2, 3, 200, 4], 3)).toEqual([9, 3, 200])
  })

  it('cover every peak once when the stretches are uneven', () => {
    const peaks = Array.from({ length: 1_999 }, (_, at) => (at === 1_998 ? 255 : 1))
    const few = bars(peaks, 200)
    expect(few).toHaveLength(200)
    expect(few.at(-1)).toBe(255)
    expect(few.filter((peak) => peak === 255)).toHaveLength(1)
  })

  it('do not make up what is not there', () => {
    expect(bars([5, 6], 100)).toEqual([5, 6])
    expect(bars([], 100)).toEqual([])
    expect(bars([1], 0)).toEqual([])
  })

  it('are between nothing and all', () => {
    expect(height(0)).toBe(0)
    expect(height(255)).toBe(1)
    expect(height(999)).toBe(1)
    expect(height(64)).toBeGreaterThan(0.4)
  })

  it('stand in the middle of their stretch', () => {
    expect(path([255, 0], 10, 20)).toBe('M2.5 0v20M7.5 9.5v1')
  })

  it('tell which moment is meant', () => {
    expect(timeAt(50, 200, 8_000)).toBe(2_000)
    expect(timeAt(-5, 200, 8_000)).toBe(0)
    expect(timeAt(500, 200, 8_000)).toBe(8_000)
    expect(timeAt(5, 0, 8_000)).toBe(0)
  })
})
