import { describe, expect, it } from 'vitest'
import { frame, loudness, told } from './protocol'

function bytes(position: bigint, pairs: [number, number][]): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(8 + pairs.length * 4))
  view.setBigUint64(0, position, true)
  pairs.forEach(([contact, agent], at) => {
    view.setInt16(8 + at * 4, contact, true)
    view.setInt16(10 + at * 4, agent, true)
  })
  return view.buffer
}

describe('a frame of sound', () => {
  it('is taken apart into its two sides', () => {
    const got = frame(bytes(160_000n, [[-32_768, 16_384], [8_192, 0]]))
    expect(got?.position).toBe(160_000)
    expect([...got!.contact]).toEqual([-1, 0.25])
    expect([...got!.agent]).toEqual([0.5, 0])
  })

  it('is nothing when it is not whole', () => {
    expect(frame(new ArrayBuffer(0))).toBeUndefined()
    expect(frame(new ArrayBuffer(8))).toBeUndefined()
    expect(frame(new ArrayBuffer(13))).toBeUndefined()
  })
})

describe('a message', () => {
  it('is known by its type', () => {
    expect(told('{"type":"dropped","frames":3}')).toEqual({ type: 'dropped', frames: 3 })
    expect(told('{"type":"later"}')).toBeUndefined()
    expect(told('no JSON')).toBeUndefined()
    expect(told('null')).toBeUndefined()
  })
})

describe('loudness', () => {
  it('is nothing in silence, all at the top, and between for speech', () => {
    expect(loudness(new Float32Array(160))).toBe(0)
    expect(loudness(new Float32Array(160).fill(1))).toBe(1)
    const speech = loudness(new Float32Array(160).fill(0.05))
    expect(speech).toBeGreaterThan(0.4)
    expect(speech).toBeLessThan(0.8)
    expect(loudness(new Float32Array(0))).toBe(0)
  })
})
