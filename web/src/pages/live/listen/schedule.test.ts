import { describe, expect, it } from 'vitest'
import { LEAD, MOST, Schedule } from './schedule'

/** Frames of 20 ms that come at these times. */
function run(rate: number, arrivals: readonly number[], from = 0) {
  const schedule = new Schedule(rate)
  const count = rate / 50
  const plays: { at: number; position: number; came: number }[] = []
  arrivals.forEach((came, index) => {
    const position = from + index * count
    const placed = schedule.place(came, position, count)
    if ('play' in placed) plays.push({ at: placed.play, position, came })
  })
  return { schedule, plays }
}

const every20 = (frames: number) => Array.from({ length: frames }, (_, index) => index * 0.02)

/** A generator with a seed, so that a failure comes again. */
function random(seed: number) {
  return () => {
    seed = (seed * 1_664_525 + 1_013_904_223) % 2 ** 32
    return seed / 2 ** 32
  }
}

describe.each([8_000, 16_000])('playing at %i Hz', (rate) => {
  it('joins frames without a seam, a little behind', () => {
    const { plays, schedule } = run(rate, every20(500), 123_200)
    expect(plays).toHaveLength(500)
    for (const [index, { at, came }] of plays.entries()) {
      expect(at - came).toBeGreaterThanOrEqual(LEAD - 1e-6)
      expect(at - came).toBeLessThan(LEAD + 0.002)
      if (index > 0) expect(at - plays[index - 1]!.at).toBeCloseTo(0.02, 9)
    }
    expect(schedule).toMatchObject({ dropped: 0, dry: 0 })
  })

  it('rides out frames that come late and in bunches', () => {
    const noise = random(7)
    const arrivals = every20(2_000).map((time) => time + noise() * 0.05).sort((a, b) => a - b)
    const { schedule } = run(rate, arrivals)
    expect(schedule.dropped).toBe(0)
    expect(schedule.dry).toBeLessThanOrEqual(1)
  })

  it('never plays two frames at once, whatever the network does', () => {
    const noise = random(3)
    let time = 0
    const arrivals = every20(3_000).map(() => (time += noise() < 0.01 ? 0.4 : noise() * 0.04))
    const { plays } = run(rate, arrivals)
    for (let index = 1; index < plays.length; index++) expect(plays[index]!.at - plays[index - 1]!.at).toBeGreaterThan(0.02 - 1e-6)
  })

  it('stays near the call when the network held everything back and lets it go at once', () => {
    const arrivals = [...every20(100), ...Array.from({ length: 60 }, () => 3.2), ...every20(100).map((time) => 3.22 + time)]
    const { plays, schedule } = run(rate, arrivals)
    expect(schedule.dropped).toBeGreaterThan(0)
    for (const { at, came } of plays) expect(at - came).toBeLessThanOrEqual(MOST + 1e-9)
  })

  it('comes back to the call once the network is quiet again', () => {
    const arrivals = [...Array.from({ length: 12 }, () => 0), ...every20(1_000)]
    const { plays } = run(rate, arrivals)
    for (const { at, came } of plays.slice(-100)) expect(at - came).toBeLessThanOrEqual(LEAD + 0.05)
  })

  it('begins anew where the position jumps because nothing was', () => {
    const schedule = new Schedule(rate)
    const count = rate / 50
    schedule.place(0, 0, count)
    const placed = schedule.place(10, rate * 10, count)
    expect(placed).toEqual({ play: expect.closeTo(10 + LEAD, 3) })
  })
})
