/** How loud a side is just now: drawn by the browser's own frames, without a render. */
import { useEffect, useRef } from 'react'

const SEGMENTS = 34

export function Meter({ side, label, read }: { side: 'contact' | 'agent'; label: string; read: () => number }) {
  const bar = useRef<HTMLElement>(null)
  useEffect(() => {
    let shown = 0
    let wish = 0
    const draw = () => {
      // Up at once, down slowly: peaks are seen.
      shown = Math.max(read(), shown - 0.04)
      const lit = Math.round(shown * SEGMENTS)
      if (bar.current) bar.current.style.inlineSize = `${(lit / SEGMENTS) * 100}%`
      wish = requestAnimationFrame(draw)
    }
    draw()
    return () => cancelAnimationFrame(wish)
  }, [read])
  return (
    <div className="cw-meter" data-side={side} aria-hidden>
      <span>{label}</span>
      <div style={{ '--segments': SEGMENTS } as React.CSSProperties}><i ref={bar} /></div>
    </div>
  )
}
