import { describe, expect, it } from 'vitest'
import { median, reply, scaleEnd, STAGES } from './stages'

const TURN = { at_ms: 4_000, decided: 300_000, understood: 380_000, replied: 900_000, first_token: 600_000, first_sentence: 700_000, first_audio: 860_000 }

describe('the stages of a reply', () => {
  it('go from mark to mark', () => {
    expect(reply(TURN).stages).toEqual({ endpoint: 300, stt: 80, llm: 320, tts: 160, wire: 40 })
  })

  it('make up the whole, whatever marks there are', () => {
    const turns = [TURN, { at_ms: 0, decided: 500_000, understood: 200_000, replied: 650_000 }, { at_ms: 0, decided: 100_000, understood: 150_000, replied: 90_000, first_audio: 400_000 }, { at_ms: 0, decided: -40_000, understood: 0, replied: 10_000 }]
    for (const turn of turns) {
      const one = reply(turn)
      expect(STAGES.reduce((sum, stage) => sum + one.stages[stage], 0)).toBe(one.totalMs)
      for (const stage of STAGES) expect(one.stages[stage]).toBeGreaterThanOrEqual(0)
    }
  })

  it('count nothing for what was known before the turn was over', () => {
    expect(reply({ at_ms: 0, decided: 500_000, understood: 200_000, replied: 650_000 }).stages).toEqual({ endpoint: 500, stt: 0, llm: 0, tts: 0, wire: 150 })
  })

  it('take the first token where no sentence was told', () => {
    expect(reply({ ...TURN, first_sentence: null }).stages.llm).toBe(220)
  })
})

describe('the scale', () => {
  it('has the median', () => {
    expect(median([])).toBeUndefined()
    expect(median([5, 1, 9])).toBe(5)
    expect(median([1, 2, 4, 9])).toBe(3)
  })

  it('reaches past the budget and to the worst', () => {
    expect(scaleEnd([], 800)).toBe(1_000)
    expect(scaleEnd([reply(TURN)], 400)).toBe(900)
  })
})
