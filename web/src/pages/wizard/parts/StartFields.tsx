/** When a draft starts by itself: a time on the clocks of a zone, or never. */
import { Form, Input } from 'antd'
import { useTranslation } from 'react-i18next'
import { moment } from '@/ui/format'
import { useLocale } from '@/ui/values'
import { ZoneSelect } from '@/ui/ZoneSelect'
import { missing } from '../draft'
import type { Wizard } from '../useDraft'
import { instantOf } from '../wall'

export function StartFields({ wizard }: { wizard: Wizard }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const locale = useLocale()
  const { draft, change, campaign } = wizard
  if (campaign !== undefined && campaign.state !== 'draft') return null
  const start = draft.scheduled_start
  const zone = start?.time_zone ?? draft.schedule.time_zone
  const past = missing('details', draft, Date.now()).includes('start_past')
  return (
    <div className="cw-fields">
      <Form.Item
        label={t('campaigns:settings.scheduled_start')}
        htmlFor="start"
        extra={past ? undefined : start ? t('start.here', { at: moment(new Date(instantOf(start.at, zone)), new Date(), locale) }) : t('start.none')}
        validateStatus={past ? 'error' : ''}
        help={past ? t('missing.start_past') : undefined}
      >
        <Input id="start" type="datetime-local" value={start?.at.slice(0, 16) ?? ''} onChange={(event) => change({ scheduled_start: event.target.value ? { at: event.target.value, time_zone: zone } : null })} />
      </Form.Item>
      <Form.Item label={t('start.zone')} htmlFor="start-zone">
        <ZoneSelect id="start-zone" disabled={!start} value={zone} onChange={(time_zone) => start && change({ scheduled_start: { ...start, time_zone: time_zone ?? null } })} />
      </Form.Item>
    </div>
  )
}
