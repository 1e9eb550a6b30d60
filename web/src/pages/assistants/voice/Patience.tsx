/** How long the assistant waits, and what interrupts it. */
import { Select } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Schema } from '@/api/client'
import { Card } from '@/ui/Card'
import { useDraft } from '../parts/draft'
import { Field, SwitchField } from '../parts/Field'
import { NumberField } from '../parts/NumberField'

/** Settings of patience in milliseconds, with their ends and what is usual. */
const TURN = {
  usual: [['greeting_wait_ms', 0, 5000, 1000], ['end_of_turn_ms', 100, 2000, 300], ['longest_pause_ms', 500, 10_000, 2500], ['idle_ms', 3000, 60_000, 8000]],
  more: [['dictation_pause_ms', 500, 10_000, undefined], ['barge_in_ms', 100, 2000, 300], ['barge_in_words', 1, 5, 2], ['idle_prompts', 0, 5, 2], ['digit_pause_ms', 1000, 10_000, 4000]],
} as const

export default function Patience() {
  const { t } = useTranslation('assistants')
  const { definition, change } = useDraft()
  const turn = definition.turn ?? {}
  const put = (next: Partial<Schema['TurnSettings']>, place?: string) => change({ turn: { ...turn, ...next } }, place)
  const numbers = (fields: readonly (readonly [string, number, number, number | undefined])[]) => (
    <div className="cw-fields">
      {fields.map(([name, min, max, usual]) => (
        <NumberField key={name} label={t(`turn.${name}`)} hint={t(`turn_hint.${name}`)} pointer={`/turn/${name}`} value={turn[name as 'idle_ms']} min={min} max={max} usual={usual} step={name.endsWith('_ms') ? 100 : 1} onChange={(value) => put({ [name]: value })} />
      ))}
    </div>
  )
  return (
    <Card title={t('voice.patience')}>
      {numbers(TURN.usual)}
      <SwitchField label={t('turn.interruptible')} checked={turn.interruptible ?? true} onChange={(interruptible) => put({ interruptible })} />
      <details className="cw-details">
        <summary>{t('voice.more')}</summary>
              {numbers(TURN.more)}
              <SwitchField label={t('turn.eager')} extra={t('turn_hint.eager')} checked={turn.eager ?? true} onChange={(eager) => put({ eager })} />
              <Field label={t('turn.backchannels')} extra={t('turn_hint.backchannels')} pointer="/turn/backchannels">
                <Select mode="tags" open={false} suffixIcon={null} maxCount={50} value={turn.backchannels ?? []} tokenSeparators={[',', ';']} onChange={(backchannels: string[]) => put({ backchannels })} />
              </Field>
      </details>
    </Card>
  )
}
