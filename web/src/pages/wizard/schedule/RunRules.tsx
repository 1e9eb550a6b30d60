/** Retries and callbacks of one run, for the side of the editor. */
import { Form, InputNumber, Select, Switch } from 'antd'
import { useTranslation } from 'react-i18next'
import { Card } from '@/ui/Card'
import { clock } from '@/ui/format'
import { HelpHint } from '@/ui/HelpHint'
import type { Schema } from '@/api/client'
import { OPEN, type Run } from './runs'
import { FIRST, LAST, STEP } from './slots'

interface Props {
  run: Run
  no: number
  settings: Schema['Settings']
  onChange: (run: Run) => void
  readOnly?: boolean
}

const HOURS = Array.from({ length: (LAST - FIRST) / STEP + 1 }, (_, index) => FIRST + index * STEP)

export function RunRules({ run, no, settings, onChange, readOnly = false }: Props) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const retries = run.max_retries ?? settings.max_retries ?? 3
  const rules = run.callbacks ?? {}
  const on = rules.enabled !== false
  const open = run.contact_hours ?? OPEN
  const hours = (value: number, pick: (value: number) => boolean) => [...new Set([...HOURS.filter(pick), value])].sort((a, b) => a - b).map((one) => ({ value: one, label: clock(one) }))
  return (
    <Card title={t('when.rules', { no })}>
      <Form layout="vertical" disabled={readOnly} component={false}>
        <div className="cw-fields cw-pair">
          <Form.Item label={t('campaigns:field.max_retries')} htmlFor={`retries-${no}`} extra={t('dialing.calls_in_all', { count: 1 + retries })}>
            <InputNumber id={`retries-${no}`} min={0} max={20} precision={0} value={run.max_retries ?? null} placeholder={String(settings.max_retries ?? 3)} onChange={(value) => onChange({ ...run, max_retries: value })} style={{ width: '100%' }} />
          </Form.Item>
          <Form.Item label={t('when.most_callbacks')} htmlFor={`callbacks-${no}`}>
            <InputNumber id={`callbacks-${no}`} min={1} max={50} precision={0} disabled={readOnly || !on} value={rules.max_per_contact ?? null} placeholder={t('when.no_limit')} onChange={(value) => onChange({ ...run, callbacks: { ...rules, max_per_contact: value } })} style={{ width: '100%' }} />
          </Form.Item>
        </div>
        <label className="cw-line cw-switch-line">
          <Switch size="small" checked={on} disabled={readOnly} onChange={(enabled) => onChange({ ...run, callbacks: { ...rules, enabled } })} aria-label={t('when.callbacks')} />
          {t('when.callbacks')}
        </label>
        {on && (
          <Form.Item label={t('when.outside')} htmlFor={`outside-${no}`}>
            <Select id={`outside-${no}`} value={rules.outside_hours ?? 'ask'} onChange={(outside_hours) => onChange({ ...run, callbacks: { ...rules, outside_hours } })} options={(['ask', 'move'] as const).map((value) => ({ value, label: t(`when.outside_${value}`) }))} />
          </Form.Item>
        )}
        <div className="cw-line">
          <span>{t('campaigns:settings.contact_hours')}</span>
          <HelpHint>{t('when.open_hint')}</HelpHint>
        </div>
        <div className="cw-slot-row">
          <Select aria-label={t('when.open_from')} disabled={readOnly} value={open.start_min} options={hours(open.start_min, (one) => one < open.end_min)} onChange={(start_min: number) => onChange({ ...run, contact_hours: { ...open, start_min } })} />
          <span aria-hidden>–</span>
          <Select aria-label={t('when.open_to')} disabled={readOnly} value={open.end_min} options={hours(open.end_min, (one) => one > open.start_min)} onChange={(end_min: number) => onChange({ ...run, contact_hours: { ...open, end_min } })} />
        </div>
      </Form>
    </Card>
  )
}
