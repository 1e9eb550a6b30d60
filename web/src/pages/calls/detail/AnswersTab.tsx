/** What came of each question of the conversation. */
import { useTranslation } from 'react-i18next'
import type { CallDetail } from '@/api/calls'
import type { Schema } from '@/api/client'
import { duration } from '@/ui/format'
import { Nothing, PhoneText } from '@/ui/values'
import type { Player } from '../player/usePlayer'

export function AnswersTab({ call, player }: { call: CallDetail; player: Player }) {
  const { t } = useTranslation('calls')
  if (call.answers.length === 0) return <p className="cw-soft">{t('answers.none')}</p>
  return (
    <dl className="cw-answers">
      {call.answers.map((answer) => (
        <div key={answer.name}>
          <dt>{answer.name}</dt>
          <dd>
            {answer.value ? <Value value={answer.value} player={player} /> : <span className="cw-soft">{t(`answers.${answer.status}`)}</span>}
            <small className="cw-soft">
              {player.has ? <button type="button" className="cw-link cw-num" onClick={() => player.seek(answer.at_ms - 3_000, true)}>{duration(answer.at_ms)}</button> : <span className="cw-num">{duration(answer.at_ms)}</span>}
              {answer.channel && ` · ${t(`answers.by.${answer.channel}`)}`}
              {answer.attempts > 1 && ` · ${t('answers.attempts', { count: answer.attempts })}`}
            </small>
          </dd>
        </div>
      ))}
    </dl>
  )
}

function Value({ value, player }: { value: Schema['AnswerValue']; player: Player }) {
  const { t } = useTranslation('calls')
  if ('choice' in value) return <span>{value.choice}</span>
  if ('digits' in value) return <span className="cw-num">{value.digits}</span>
  if ('date' in value) return <span className="cw-num">{value.date}</span>
  if ('phone' in value) return <PhoneText number={value.phone} />
  if ('email' in value) return <span>{value.email}</span>
  if (value.recorded.text) return <span>{value.recorded.text}</span>
  if (!player.has) return <Nothing />
  return <button type="button" className="cw-link" onClick={() => player.seek(value.recorded.from_ms, true)}>{t('answers.hear', { length: duration(value.recorded.to_ms - value.recorded.from_ms) })}</button>
}
