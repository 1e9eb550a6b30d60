import { describe, expect, it } from 'vitest'
import { contrastPairs, status, vars, type Mode } from './theme'

/** Relative luminance and contrast of WCAG 2.2. */
function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const channel = parseInt(hex.slice(at, at + 2), 16) / 255
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x)
  return (light! + 0.05) / (dark! + 0.05)
}

describe.each<Mode>(['light', 'dark'])('%s', (mode) => {
  it('has all its pairs', () => {
    expect(contrastPairs(mode).length).toBeGreaterThanOrEqual(142)
  })

  it.each(contrastPairs(mode))('$what is at least $atLeast : 1', ({ fg, bg, atLeast }) => {
    expect(contrast(fg, bg)).toBeGreaterThanOrEqual(atLeast)
  })

  it('gives every tone four variables', () => {
    const names = Object.keys(vars(mode))
    for (const tone of Object.keys(status[mode])) for (const part of ['fg', 'bg', 'edge', 'solid']) expect(names).toContain(`--cw-${tone}-${part}`)
  })
})
