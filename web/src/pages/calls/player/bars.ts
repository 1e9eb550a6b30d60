/** Peaks of a recording as bars of a picture. */

/** The highest of each of `count` equal stretches; as many as there are when there are fewer. */
export function bars(peaks: readonly number[], count: number): number[] {
  if (count <= 0 || peaks.length === 0) return []
  if (peaks.length <= count) return [...peaks]
  return Array.from({ length: count }, (_, at) => {
    const from = Math.floor((at * peaks.length) / count)
    const to = Math.max(from + 1, Math.floor(((at + 1) * peaks.length) / count))
    return Math.max(...peaks.slice(from, to))
  })
}

/** Half the height of a bar, 0 to 1. Quiet speech has to be seen: the root lifts it. */
export function height(peak: number): number {
  return Math.sqrt(Math.min(255, Math.max(0, peak)) / 255)
}

/**
 * One path of all bars: upright strokes round the middle of `tall`, `wide` in all. Silence is a dot, so that the time
 * axis is seen.
 */
export function path(peaks: readonly number[], wide: number, tall: number): string {
  const step = wide / Math.max(1, peaks.length)
  return peaks
    .map((peak, at) => {
      const half = Math.max(0.5, (height(peak) * tall) / 2)
      return `M${round((at + 0.5) * step)} ${round(tall / 2 - half)}v${round(half * 2)}`
    })
    .join('')
}

/** Milliseconds at a place in the picture. */
export function timeAt(x: number, wide: number, lengthMs: number): number {
  if (wide <= 0) return 0
  return Math.round(Math.min(1, Math.max(0, x / wide)) * lengthMs)
}

const round = (value: number) => Math.round(value * 100) / 100
