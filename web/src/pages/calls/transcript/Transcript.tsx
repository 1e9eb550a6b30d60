/** What was said. Every line plays from its second; the one that plays stays in view until the reader scrolls. */
import { Button, Input } from 'antd'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { CallDetail } from '@/api/calls'
import { Search } from '@/ui/icons'
import { resultOf } from '../parts'
import type { Player } from '../player/usePlayer'
import { found, lineAt } from './lines'
import { TranscriptLine } from './TranscriptLine'

export function Transcript({ call, contact, player }: { call: CallDetail; contact: string; player: Player }) {
  const { t } = useTranslation('calls')
  const lines = call.transcript
  const [search, setSearch] = useState('')
  const hits = found(lines, search)
  const here = player.ms > 0 || player.playing ? lineAt(lines, player.ms) : -1
  const { frame, left, follow, scrolled } = useFollow(here, player.playing)
  return (
    <section className="cw-transcript">
      <header>
        <h2>{t('transcript.title')}</h2>
        <span className="cw-soft">{t('transcript.count', { count: lines.length })}</span>
        {search.trim() !== '' && <span className="cw-soft" role="status">{t('transcript.hits', { count: hits.length })}</span>}
        {lines.length > 0 && (
          <Input
            size="small"
            allowClear
            className="cw-transcript-search"
            prefix={<Search size={14} aria-hidden />}
            placeholder={t('transcript.search')}
            aria-label={t('transcript.search')}
            value={search}
            onChange={(event) => setSearch(event.target.value)}
            onPressEnter={() => {
              const next = hits.find((index) => index > here) ?? hits[0]
              if (next !== undefined) player.seek(lines[next]!.from_ms)
            }}
          />
        )}
      </header>
      <div className="cw-pane" ref={frame} onWheel={scrolled} onTouchMove={scrolled} tabIndex={0} role="region" aria-label={t('transcript.title')}>
        {lines.length === 0 && <p className="cw-soft cw-pad">{t(`transcript.none.${resultOf(call)}`)}</p>}
        <ol className="cw-said-list">
          {lines.map((line, index) => (
            <TranscriptLine key={index} line={line} contact={contact} search={search} here={index === here} play={player.has ? () => player.seek(line.from_ms, true) : undefined} />
          ))}
        </ol>
      </div>
      {left && player.playing && <Button size="small" className="cw-follow" onClick={follow}>{t('transcript.follow')}</Button>}
    </section>
  )
}

/** Keeps the line that plays in view, until the reader scrolls. */
function useFollow(here: number, playing: boolean) {
  const frame = useRef<HTMLDivElement>(null)
  const [left, setLeft] = useState(false)
  useEffect(() => {
    if (!playing) setLeft(false)
  }, [playing])
  useEffect(() => {
    if (left || here < 0) return
    frame.current?.querySelectorAll('.cw-said')[here]?.scrollIntoView({ block: 'nearest' })
  }, [here, left])
  return { frame, left, follow: () => setLeft(false), scrolled: () => setLeft(playing) }
}
