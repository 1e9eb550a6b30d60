/** The five settings of dialing, each with both ends of what it means. */
import { Form, InputNumber } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Wizard } from '../useDraft'

/** Bounds and initial values as the server has them. */
const FIELDS = [
  ['calls_per_minute', 1, 6000, 10],
  ['max_concurrent_calls', 1, 10_000, 5],
  ['max_retries', 0, 20, 3],
  ['retry_delay_min', 1, 10_080, 5],
  ['max_call_duration_s', 30, 3600, 300],
] as const

export function DialingFields({ wizard }: { wizard: Wizard }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const { settings } = wizard.draft
  const extra = (name: (typeof FIELDS)[number][0], value: number) => {
    if (name === 'max_retries') return t('dialing.calls_in_all', { count: 1 + value })
    if (name === 'max_call_duration_s') return t('dialing.as_minutes', { count: Math.round(value / 6) / 10 })
    return t(`dialing.about.${name}`)
  }
  return (
    <div className="cw-fields">
      {FIELDS.map(([name, min, max, initial]) => {
        const value = settings[name] ?? initial
        return (
          <Form.Item key={name} label={t(`campaigns:field.${name}`)} htmlFor={name} extra={extra(name, value)}>
            <InputNumber id={name} min={min} max={max} precision={0} value={value} onChange={(next) => wizard.change({ settings: { ...settings, [name]: next ?? initial } })} style={{ width: '100%' }} />
          </Form.Item>
        )
      })}
    </div>
  )
}
