import { describe, expect, it } from 'vitest'
import { found, lineAt, marked, stepLine } from './lines'

const LINES = [
  { from_ms: 1_000, to_ms: 3_000, text: 'Good morning.' },
  { from_ms: 4_000, to_ms: 5_000, text: 'Who is this?' },
  { from_ms: 5_200, to_ms: 9_000, text: 'Crème brûlée, good sir.' },
]

describe('the line at a moment', () => {
  it('is the one that is spoken, or the last one before a pause', () => {
    expect(lineAt(LINES, 0)).toBe(-1)
    expect(lineAt(LINES, 1_000)).toBe(0)
    expect(lineAt(LINES, 3_500)).toBe(0)
    expect(lineAt(LINES, 5_300)).toBe(2)
    expect(lineAt(LINES, 99_000)).toBe(2)
  })
})

describe('going by lines', () => {
  it('goes on to the next one and stops at the last', () => {
    expect(stepLine(LINES, 0, 1)).toBe(1_000)
    expect(stepLine(LINES, 4_100, 1)).toBe(5_200)
    expect(stepLine(LINES, 6_000, 1)).toBeUndefined()
  })

  it('goes back to the start of a line first, then to the one before', () => {
    expect(stepLine(LINES, 8_000, -1)).toBe(5_200)
    expect(stepLine(LINES, 5_300, -1)).toBe(4_000)
    expect(stepLine(LINES, 1_100, -1)).toBe(1_000)
    expect(stepLine(LINES, 500, -1)).toBeUndefined()
  })
})

describe('searching', () => {
  it('minds neither case nor accents', () => {
    expect(found(LINES, 'GOOD')).toEqual([0, 2])
    expect(found(LINES, 'creme')).toEqual([2])
    expect(found(LINES, '  ')).toEqual([])
  })

  it('marks what was found', () => {
    expect(marked('Good morning, good sir', 'good')).toEqual([
      { part: 'Good', match: true },
      { part: ' morning, ', match: false },
      { part: 'good', match: true },
      { part: ' sir', match: false },
    ])
    expect(marked('nothing', '')).toEqual([{ part: 'nothing', match: false }])
  })
})
