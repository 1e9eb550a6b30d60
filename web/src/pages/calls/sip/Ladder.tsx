import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { SipLadder } from '@/api/calls'
import { offset, rungs, type Rung } from './rungs'

export function Ladder({ ladder }: { ladder: SipLadder }) {
  const { t } = useTranslation('calls')
  const [open, setOpen] = useState<number>()
  const columns = Math.max(2, ladder.participants.length)
  return (
    <div className="cw-ladder" style={{ '--columns': columns } as React.CSSProperties}>
      <div className="cw-ladder-sides">
        <span />
        {ladder.participants.map((side, index) => <strong key={side} className="cw-ellipsis" title={side}>{index === 0 ? t('sip.us') : side}</strong>)}
      </div>
      <ol>
        {rungs(ladder).map((rung) => (
          <li key={rung.index}>
            <button type="button" className="cw-rung" aria-expanded={open === rung.index} onClick={() => setOpen(open === rung.index ? undefined : rung.index)}>
              <span className="cw-num cw-caption">{offset(rung.message.offset_us)}</span>
              <Arrow rung={rung} columns={columns} />
            </button>
            {open === rung.index && <Raw rung={rung} />}
          </li>
        ))}
      </ol>
    </div>
  )
}

/** Columns are as wide as each other: an arrow reaches from the middle of one to the middle of another. */
function Arrow({ rung, columns }: { rung: Rung; columns: number }) {
  const { t } = useTranslation('calls')
  const side = (column: number) => ((column + 0.5) / columns) * 100
  const { message } = rung
  return (
    <span className="cw-rung-track">
      <span className="cw-rung-arrow" data-tone={rung.tone} data-back={rung.back || undefined} style={{ insetInlineStart: `${side(rung.left)}%`, inlineSize: `${side(rung.right) - side(rung.left)}%` }}>
        <span className="cw-rung-label">{message.label}{message.repeated ? ` · ${t('sip.repeated')}` : ''}</span>
      </span>
    </span>
  )
}

function Raw({ rung }: { rung: Rung }) {
  const { t } = useTranslation('calls')
  const { message, afterMs } = rung
  return (
    <div className="cw-raw">
      <div className="cw-caption">{t('sip.hop', { transport: message.transport, local: message.local, peer: message.peer })} · {t('sip.after', { time: afterMs.toFixed(1) })}</div>
      <pre tabIndex={0}>{message.text}</pre>
    </div>
  )
}
