import { useTranslation } from 'react-i18next'
import type { Line } from '@/api/calls'
import { duration } from '@/ui/format'
import { BookOpen, CircleSlash, Hash } from '@/ui/icons'
import { marked } from './lines'

interface Props {
  line: Line
  /** What the contact is called. */
  contact: string
  /** The part that was searched for. */
  search?: string
  here?: boolean
  /** Plays from here; without it the line is text alone. */
  play?: (() => void) | undefined
}

/** One line of what was said, with what belongs to it: keys, knowledge, that it was cut off. */
export function TranscriptLine({ line, contact, search = '', here = false, play }: Props) {
  const { t } = useTranslation('calls')
  const side = line.speaker === 'agent' ? 'agent' : 'contact'
  const words = (
    <>
      <span className="cw-num cw-said-at">{duration(line.from_ms)}</span>
      <span className="cw-said-body">
        <span className="cw-said-who" data-side={side}>{side === 'agent' ? t('side.agent') : contact}</span>
        <Words line={line} search={search} />
      </span>
    </>
  )
  return (
    <li className="cw-said" aria-current={here ? 'true' : undefined}>
      {play ? <button type="button" className="cw-said-line" onClick={play}>{words}</button> : <div className="cw-said-line">{words}</div>}
      {line.cut && <Note icon={CircleSlash} text={t('transcript.cut')} />}
      {line.passages?.map((passage) => <Note key={passage} icon={BookOpen} text={t('transcript.passage', { passage })} />)}
    </li>
  )
}

function Words({ line, search }: { line: Line; search: string }) {
  const { t } = useTranslation('calls')
  if (line.keys) return <span className="cw-said-keys"><Hash size={13} aria-hidden /> {t('transcript.keys', { keys: line.text })}</span>
  if (line.text === '') return <span className="cw-faint">{t('transcript.not_understood')}</span>
  return <span>{marked(line.text, search).map(({ part, match }, index) => (match ? <mark key={index}>{part}</mark> : part))}</span>
}

/** Something beside the words. */
export function Note({ icon: Icon, text }: { icon: typeof BookOpen; text: string }) {
  return (
    <div className="cw-said-note">
      <Icon size={14} strokeWidth={1.75} aria-hidden />
      <span>{text}</span>
    </div>
  )
}
