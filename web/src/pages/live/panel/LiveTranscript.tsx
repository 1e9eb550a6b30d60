/** What is said while somebody listens, with the whispers between. The last line stays in view until the reader scrolls up. */
import { Fragment, useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { Note, TranscriptLine } from '@/pages/calls/transcript/TranscriptLine'
import { MessageSquare } from '@/ui/icons'
import type { Listening } from '../listen/useListen'

export interface Whisper {
  text: string
  /** How many lines there were before it. */
  after: number
}

/** Pixels from the end that still count as being at it. */
const NEAR = 60

export function LiveTranscript({ listening, whispers, over }: { listening: Listening; whispers: Whisper[]; over: boolean }) {
  const { t } = useTranslation('live')
  const frame = useRef<HTMLDivElement>(null)
  const atEnd = useRef(true)
  const { lines, on } = listening
  useEffect(() => {
    if (atEnd.current) frame.current?.scrollTo({ top: frame.current.scrollHeight })
  }, [lines.length, whispers.length])
  const noted = (index: number) => whispers.filter((whisper) => whisper.after === index).map((whisper, at) => <li key={`w${at}`} className="cw-whisper"><Note icon={MessageSquare} text={t('whisper.sent', { text: whisper.text })} /></li>)
  return (
    <div
      ref={frame}
      className="cw-pane cw-live-words"
      tabIndex={0}
      role="log"
      aria-label={t('calls:transcript.title')}
      onScroll={({ currentTarget: box }) => {
        atEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR
      }}
    >
      {lines.length === 0 && whispers.length === 0 && !over && <p className="cw-soft cw-pad">{t(on ? 'words.waiting' : 'words.off')}</p>}
      <ol className="cw-said-list">
        {noted(0)}
        {lines.map((line, index) => (
          <Fragment key={index}>
            <TranscriptLine line={line} contact={t('calls:side.contact')} />
            {noted(index + 1)}
          </Fragment>
        ))}
      </ol>
    </div>
  )
}
