/** Both sides of a recording on one time axis; a click plays from there. */
import { useLayoutEffect, useMemo, useRef, useState, type MouseEvent } from 'react'
import { useTranslation } from 'react-i18next'
import type { Waveform as Peaks } from '@/api/calls'
import { bars, path, timeAt } from './bars'
import type { Player } from './usePlayer'

/** Pixels from bar to bar, and height of a side. */
const STEP = 4
const TALL = 34

export function Waveform({ peaks, player }: { peaks: Peaks; player: Player }) {
  const { t } = useTranslation('calls')
  const frame = useRef<HTMLDivElement>(null)
  const wide = useWidth(frame)
  const share = player.lengthMs > 0 ? Math.min(1, player.ms / player.lengthMs) : 0
  const jump = (event: MouseEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect()
    player.seek(timeAt(event.clientX - box.left, box.width, player.lengthMs), true)
  }
  // The slider below does the same by keyboard.
  return (
    <div className="cw-wave" aria-hidden>
      <span className="cw-wave-name" data-side="contact">{t('side.contact')}</span>
      <span className="cw-wave-name" data-side="agent">{t('side.agent')}</span>
      <div className="cw-wave-picture" ref={frame} onClick={jump}>
        {wide > 0 && <Side side="contact" peaks={peaks.heard} wide={wide} share={share} />}
        {wide > 0 && <Side side="agent" peaks={peaks.said} wide={wide} share={share} />}
        <i className="cw-wave-head" style={{ insetInlineStart: `${share * 100}%` }} />
      </div>
    </div>
  )
}

function Side({ side, peaks, wide, share }: { side: 'contact' | 'agent'; peaks: number[]; wide: number; share: number }) {
  const drawn = useMemo(() => path(bars(peaks, Math.floor(wide / STEP)), wide, TALL), [peaks, wide])
  const clip = { clipPath: `inset(0 ${(1 - share) * 100}% 0 0)` }
  return (
    <svg className="cw-wave-side" data-side={side} width={wide} height={TALL} viewBox={`0 0 ${wide} ${TALL}`}>
      <path d={drawn} className="cw-wave-ahead" />
      <path d={drawn} style={clip} />
    </svg>
  )
}

function useWidth(frame: React.RefObject<HTMLElement | null>): number {
  const [wide, setWide] = useState(0)
  useLayoutEffect(() => {
    const element = frame.current
    if (element === null) return
    const measure = () => setWide(Math.round(element.clientWidth))
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => observer.disconnect()
  }, [frame])
  return wide
}
