/** The whole configuration to read; what may change while the campaign goes on is edited card by card. */
import { useQuery } from '@tanstack/react-query'
import { Button } from 'antd'
import { lazy, Suspense, useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { campaignTrunksQuery, type Campaign } from '@/api/campaigns'
import { useAssistantName, useTrunkName } from '@/api/organisation'
import { useCan } from '@/api/session'
import { Card } from '@/ui/Card'
import { clock, date } from '@/ui/format'
import { Pencil, Trash2 } from '@/ui/icons'
import { Nothing, PhoneText, TimeText, useLocale } from '@/ui/values'
import { WhyButton } from '@/ui/WhyButton'
import { useNavigate } from '@tanstack/react-router'
import { whyNot } from '../../control/rules'
import { useControl } from '../../control/useControl'
import { useScheduleWords } from '../../parts/schedule'

const EditDetails = lazy(() => import('./EditDetails'))
const EditDialing = lazy(() => import('./EditDialing'))

export default function SettingsTab({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation('campaigns')
  const can = useCan()
  const [editing, setEditing] = useState<'details' | 'dialing' | null>(null)
  const edits = whyNot('edit', campaign, can) === undefined
  const edit = (what: 'details' | 'dialing') => edits && <Button size="small" icon={<Pencil size={14} />} onClick={() => setEditing(what)}>{t('act.edit')}</Button>
  return (
    <div className="cw-two">
      <div className="cw-stack">
        <Details campaign={campaign} action={edit('details')} />
        <ScheduleCard campaign={campaign} />
        <DialingCard campaign={campaign} action={edit('dialing')} />
        <Compliance campaign={campaign} />
      </div>
      <div className="cw-stack">
        <History campaign={campaign} />
        <Danger campaign={campaign} />
      </div>
      <Suspense>
        {editing === 'details' && <EditDetails campaign={campaign} close={() => setEditing(null)} />}
        {editing === 'dialing' && <EditDialing campaign={campaign} close={() => setEditing(null)} />}
      </Suspense>
    </div>
  )
}

/** Names and values side by side; what is not set has a dash. */
function Facts({ rows }: { rows: [string, ReactNode][] }) {
  return (
    <dl className="cw-facts-list">
      {rows.map(([name, value]) => (
        <div key={name} className="cw-fact">
          <dt>{name}</dt>
          <dd>{value ?? <Nothing />}</dd>
        </div>
      ))}
    </dl>
  )
}

function Details({ campaign, action }: { campaign: Campaign; action: ReactNode }) {
  const { t } = useTranslation('campaigns')
  const assistant = useAssistantName()
  const trunk = useTrunkName()
  const trunks = useQuery(campaignTrunksQuery(campaign.id))
  const others = trunks.data?.trunk_ids.filter((id) => id !== campaign.trunk_id) ?? []
  return (
    <Card title={t('settings.details')} actions={action}>
      <Facts
        rows={[
          [t('field.name'), campaign.name],
          [t('field.goal'), campaign.goal || undefined],
          [t('field.assistant'), assistant(campaign.assistant_id)],
          [t('field.trunk'), trunk(campaign.trunk_id)],
          [t('settings.other_trunks'), others.length > 0 ? others.map((id) => trunk(id) ?? id).join(', ') : undefined],
          [t('field.caller_id'), <PhoneText key="id" number={campaign.caller_id} />],
        ]}
      />
    </Card>
  )
}

function ScheduleCard({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation('campaigns')
  const locale = useLocale()
  const words = useScheduleWords()
  const { schedule, settings } = campaign
  const day = (text: string | null | undefined) => text && date(new Date(`${text}T00:00`), locale)
  return (
    <Card title={t('settings.schedule')}>
      <Facts
        rows={[
          [t('settings.period'), schedule.period_start || schedule.period_end ? `${day(schedule.period_start) ?? t('settings.at_once')} – ${day(schedule.period_end) ?? t('settings.no_end')}` : t('settings.no_period')],
          [t('field.time_zone'), schedule.time_zone],
          [t('settings.tz_mode'), t(`tz_mode.${settings.tz_mode ?? 'contact_local'}`)],
          [t('settings.scheduled_start'), campaign.scheduled_start_at ? <TimeText key="at" at={campaign.scheduled_start_at} zone={schedule.time_zone} /> : undefined],
          ...(schedule.runs ?? []).map((run, index): [string, ReactNode] => [
            t('runs.title', { no: index + 1 }),
            <div key={index}>
              {words.days(run.days)}, {words.slots(run.slots, run.contact_hours)}
              <div className="cw-caption">{t(`audience.${run.audience ?? 'all_unfinished'}`)} · {t('runs.retries', { count: run.max_retries ?? settings.max_retries ?? 3, all: 1 + (run.max_retries ?? settings.max_retries ?? 3) })}</div>
              <div className="cw-caption">{run.callbacks?.enabled === false ? t('settings.no_callbacks') : t(`settings.callbacks_${run.callbacks?.outside_hours ?? 'ask'}`)}</div>
            </div>,
          ]),
        ]}
      />
    </Card>
  )
}

function DialingCard({ campaign, action }: { campaign: Campaign; action: ReactNode }) {
  const { t } = useTranslation('campaigns')
  const { settings } = campaign
  const order = settings.list_order
  return (
    <Card title={t('settings.dialing')} actions={action}>
      <Facts
        rows={[
          [t('field.calls_per_minute'), settings.calls_per_minute],
          [t('field.max_concurrent_calls'), settings.max_concurrent_calls],
          [t('field.max_retries'), t('runs.retries', { count: settings.max_retries ?? 3, all: 1 + (settings.max_retries ?? 3) })],
          [t('field.retry_delay_min'), t('settings.minutes', { count: settings.retry_delay_min })],
          [t('field.voicemail_retry_delay_min'), t('settings.minutes', { count: settings.voicemail_retry_delay_min })],
          [t('field.ring_timeout_s'), t('settings.seconds', { count: settings.ring_timeout_s })],
          [t('field.max_call_duration_s'), t('settings.seconds', { count: settings.max_call_duration_s })],
          [t('field.early_hangup_s'), t('settings.seconds', { count: settings.early_hangup_s })],
          [t('settings.list_order'), order && t(`list_order.${order.by}`, { field: 'field' in order ? order.field : '' })],
          [t('settings.retries_first'), t(settings.retries_first ? 'common:yes' : 'common:no')],
          [t('settings.alternate_numbers'), t(`alternate_numbers.${settings.alternate_numbers ?? 'rotate'}`)],
          [t('settings.failure_breaker'), settings.failure_breaker ? t('settings.breaker', { dials: settings.failure_breaker.dials, percent: settings.failure_breaker.percent }) : t('common:no')],
        ]}
      />
    </Card>
  )
}

function Compliance({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation('campaigns')
  const { settings, disclosure } = campaign
  const hours = campaign.schedule.runs?.[0]?.contact_hours
  return (
    <Card title={t('settings.compliance')}>
      <Facts
        rows={[
          [t('settings.callees'), t(`callees.${settings.callees ?? 'consumers'}`)],
          [t('settings.contact_hours'), hours && `${clock(hours.start_min)}–${clock(hours.end_min)}`],
          [t('settings.law'), settings.law && settings.law.length > 0 ? settings.law.join(', ') : undefined],
          [t('settings.require_consent'), t(settings.require_consent ? 'common:yes' : 'common:no')],
          [t('settings.frequency_cap'), settings.frequency_cap ? t('settings.cap', { dials: settings.frequency_cap.dials, hours: settings.frequency_cap.per_hours }) : undefined],
          [t('settings.strict_zones'), t(settings.strict_time_zones ? 'common:yes' : 'common:no')],
          [t('settings.disclose_ai'), disclosure.ai ? (disclosure.ai_text ?? t('common:yes')) : t('settings.as_assistant')],
          [t('settings.disclose_recording'), disclosure.recording ? (disclosure.recording_text ?? t('common:yes')) : t('settings.as_assistant')],
        ]}
      />
    </Card>
  )
}

function History({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation('campaigns')
  const at = (time: string | null | undefined) => (time ? <TimeText key={time} at={time} zone={campaign.schedule.time_zone} /> : undefined)
  return (
    <Card title={t('settings.history')}>
      <Facts
        rows={[
          [t('field.created'), at(campaign.created_at)],
          [t('field.started'), at(campaign.started_at)],
          [t('field.resumed'), at(campaign.resumed_at)],
          [t('field.ended'), at(campaign.ended_at)],
          [t('field.updated'), at(campaign.updated_at)],
          [t('field.version'), campaign.version],
          [t('field.id'), <code key="id" className="cw-id">{campaign.id}</code>],
        ]}
      />
    </Card>
  )
}

function Danger({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation('campaigns')
  const can = useCan()
  const control = useControl()
  const navigate = useNavigate()
  const reason = whyNot('delete', campaign, can)
  return (
    <Card title={t('settings.danger')}>
      <p className="cw-soft cw-below">{t('settings.danger_text')}</p>
      <WhyButton danger icon={<Trash2 size={15} />} why={reason && t(`why.${reason}`)} onClick={() => void control.remove(campaign).then((gone) => { if (gone) void navigate({ to: '/campaigns' }) })}>{t('act.delete')}</WhyButton>
    </Card>
  )
}
