/** How long every reply took, stage by stage, as it was measured on the wire. */
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Turn } from '@/api/calls'
import { duration, number } from '@/ui/format'
import { useLocale } from '@/ui/values'
import type { Player } from '../player/usePlayer'
import { median, reply, scaleEnd, STAGES, type Reply } from './stages'

/** Milliseconds within which an answer feels like one. */
const BUDGET = 1_000

export function LatencyTab({ turns, player }: { turns: Turn[]; player: Player }) {
  const { t } = useTranslation('calls')
  const locale = useLocale()
  const [table, setTable] = useState(false)
  const [chosen, setChosen] = useState<number>()
  if (turns.length === 0) return <p className="cw-soft">{t('latency.none')}</p>
  const replies = turns.map(reply)
  const totals = replies.map((one) => one.totalMs)
  const worst = Math.max(...totals)
  const end = scaleEnd(replies, BUDGET)
  const ms = (value: number) => t('latency.ms', { value: number(Math.round(value), locale) })
  const shown = chosen ?? totals.indexOf(worst)
  return (
    <div className="cw-stack cw-tight">
      <div className="cw-latency-head">
        <h3>{t('latency.title')}</h3>
        <span className="cw-soft cw-num">{t('latency.summary', { median: ms(median(totals) ?? 0), worst: ms(worst) })}</span>
      </div>
      <ul className="cw-legend cw-stages">{STAGES.map((stage) => <li key={stage} data-stage={stage}>{t(`stage.${stage}`)}</li>)}</ul>
      {table ? (
        <StageTable replies={replies} ms={ms} />
      ) : (
        <ol className="cw-turns" style={{ '--budget': `${(BUDGET / end) * 100}%` } as React.CSSProperties}>
          {replies.map((one, index) => (
            <li key={index}>
              <button
                type="button"
                aria-current={index === shown ? 'true' : undefined}
                onClick={() => {
                  setChosen(index)
                  if (player.has) player.seek(one.atMs - 1_500, true)
                }}
              >
                <span className="cw-num cw-soft"><span className="cw-hidden">{t('latency.turn')} </span>{index + 1}</span>
                <span className="cw-turn-bar" aria-hidden>{STAGES.map((stage) => one.stages[stage] > 0 && <i key={stage} data-stage={stage} style={{ inlineSize: `${(one.stages[stage] / end) * 100}%` }} />)}</span>
                <span className="cw-num" data-late={one.totalMs > BUDGET || undefined}>{ms(one.totalMs)}</span>
              </button>
            </li>
          ))}
        </ol>
      )}
      <div className="cw-line">
        <span className="cw-caption">{t('latency.budget', { budget: ms(BUDGET) })}</span>
        <button type="button" className="cw-link cw-end cw-caption" onClick={() => setTable(!table)}>{t(table ? 'latency.as_bars' : 'latency.as_table')}</button>
      </div>
      {!table && replies[shown] && <Explained no={shown + 1} one={replies[shown]} turn={turns[shown]!} ms={ms} />}
    </div>
  )
}

/** One turn in words: where most of its time went, and what lay within it. */
function Explained({ no, one, turn, ms }: { no: number; one: Reply; turn: Turn; ms: (value: number) => string }) {
  const { t } = useTranslation('calls')
  const longest = STAGES.reduce((a, b) => (one.stages[b] > one.stages[a] ? b : a))
  return (
    <p className="cw-well">
      <strong>{t('latency.turn_at', { no, at: duration(one.atMs) })}</strong>{' '}
      {t(`latency.longest.${longest}`, { time: ms(one.stages[longest]) })}
      {turn.look_up && ` ${t(`latency.look_up.${turn.look_up}`)}`}
      {one.talkOverMs !== undefined && ` ${t('latency.talk_over', { time: ms(one.talkOverMs) })}`}
    </p>
  )
}

function StageTable({ replies, ms }: { replies: Reply[]; ms: (value: number) => string }) {
  const { t } = useTranslation('calls')
  return (
    <div className="cw-small-table cw-stage-table" tabIndex={0} role="region" aria-label={t('latency.title')}>
      <table>
        <thead>
          <tr><th>{t('latency.turn')}</th>{STAGES.map((stage) => <th key={stage}>{t(`stage.${stage}`)}</th>)}<th>{t('latency.total')}</th></tr>
        </thead>
        <tbody>
          {replies.map((one, index) => <tr key={index}><td>{index + 1}</td>{STAGES.map((stage) => <td key={stage}>{ms(one.stages[stage])}</td>)}<td>{ms(one.totalMs)}</td></tr>)}
        </tbody>
      </table>
    </div>
  )
}
