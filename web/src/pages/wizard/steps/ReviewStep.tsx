/** Everything on one page before it is created or started. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Button, Skeleton } from 'antd'
import { useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { progressQuery } from '@/api/campaigns'
import { api } from '@/api/client'
import { useAssistantName, usageQuery, useTrunkName } from '@/api/organisation'
import { asProblem, type Problem } from '@/api/problem'
import { useCan } from '@/api/session'
import { useSearch } from '@/app/search-params'
import { Card } from '@/ui/Card'
import { date, moment, number } from '@/ui/format'
import { ArrowLeft, Pencil, Play, Save, Sparkles } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { StatusTag } from '@/ui/status/StatusTag'
import { Nothing, PhoneText, useLocale } from '@/ui/values'
import { WhyButton } from '@/ui/WhyButton'
import { useScheduleWords } from '../../campaigns/parts/schedule'
import { missing, STEPS, type Step } from '../draft'
import { ForecastAside } from '../parts/ForecastAside'
import { GuardList } from '../parts/GuardList'
import { useGuards } from '../parts/guards'
import { runsOf } from '../schedule/runs'
import type { Wizard } from '../useDraft'
import { instantOf } from '../wall'

export default function ReviewStep({ wizard }: { wizard: Wizard }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const can = useCan()
  const client = useQueryClient()
  const navigate = useNavigate()
  const [, patch] = useSearch()
  const [refused, setRefused] = useState<Problem>()
  const [busy, setBusy] = useState<'create' | 'start'>()
  const { guards, pending, error } = useGuards(wizard, refused)
  const { draft, campaign } = wizard
  const isDraft = campaign === undefined || campaign.state === 'draft'
  const incomplete = STEPS.some((step) => missing(step, draft, Date.now()).length > 0)

  const finish = async (start: boolean) => {
    setBusy(start ? 'start' : 'create')
    setRefused(undefined)
    try {
      const saved = wizard.dirty || campaign === undefined ? await wizard.save('review') : campaign
      if (saved === undefined) return
      if (start) await api.POST('/api/v1/campaigns/{id}/start', { params: { path: { id: saved.id } } })
      void navigate({ to: `/campaigns/${saved.id}`, ignoreBlocker: true })
    } catch (problem) {
      setRefused(asProblem(problem))
    } finally {
      setBusy(undefined)
      await client.invalidateQueries({ queryKey: ['campaigns'] })
    }
  }
  const whyNotStart = !can('campaigns:control') ? t('campaigns:why.right') : guards.length > 0 ? t('review.not_yet', { count: guards.length }) : undefined

  return (
    <>
      <div className="cw-two">
        <div className="cw-stack">
          {isDraft && (
            <Card title={t('review.checks')}>
              <ProblemAlert error={error ?? (refused && refused.errors.length === 0 ? refused : undefined)} />
              {pending ? <Skeleton active title={false} paragraph={{ rows: 1 }} /> : <GuardList guards={guards} />}
            </Card>
          )}
          <Summary wizard={wizard} />
        </div>
        <div className="cw-stack">
          <ForecastAside wizard={wizard} />
          <Minutes />
        </div>
      </div>
      <div className="cw-wizard-foot">
        <Button icon={<ArrowLeft size={16} />} onClick={() => patch({ step: 'dialing' })}>{t('step.dialing')}</Button>
        <span className="cw-end" />
        <Button icon={<Save size={15} />} loading={busy === 'create'} disabled={incomplete} type={isDraft ? 'default' : 'primary'} onClick={() => void finish(false)}>{t(isDraft ? 'review.create' : 'save_changes')}</Button>
        {isDraft && <WhyButton type="primary" icon={<Play size={15} />} loading={busy === 'start'} why={whyNotStart} onClick={() => void finish(true)}>{t('review.start')}</WhyButton>}
      </div>
    </>
  )
}

function Summary({ wizard }: { wizard: Wizard }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const locale = useLocale()
  const words = useScheduleWords()
  const assistant = useAssistantName()
  const trunk = useTrunkName()
  const { draft, campaign } = wizard
  const progress = useQuery({ ...progressQuery(campaign?.id ?? ''), enabled: campaign !== undefined })
  const { schedule, settings, disclosure, scheduled_start: start } = draft
  const day = (text: string | null | undefined) => (text ? date(new Date(`${text}T00:00`), locale) : undefined)
  const retries = settings.max_retries ?? 3
  const period = schedule.period_start || schedule.period_end ? `${day(schedule.period_start) ?? t('campaigns:settings.at_once')} – ${day(schedule.period_end) ?? t('campaigns:settings.no_end')}` : t('campaigns:settings.no_period')
  const told = [disclosure.ai && t('campaigns:settings.disclose_ai'), disclosure.recording && t('campaigns:settings.disclose_recording')].filter(Boolean).join(', ')
  return (
    <>
      <Part step="details" rows={[
        [t('campaigns:field.name'), draft.name],
        [t('campaigns:field.goal'), <>{draft.goal} {draft.goal === t('details.goal_example') && <StatusTag tone="new" icon={Sparkles}>{t('details.not_adapted')}</StatusTag>}</>],
        [t('campaigns:settings.period'), period],
        [t('campaigns:settings.scheduled_start'), start ? `${start.at.replace('T', ' ').slice(0, 16)} ${start.time_zone ?? schedule.time_zone} (${moment(new Date(instantOf(start.at, start.time_zone ?? schedule.time_zone)), new Date(), locale)})` : t('review.no_start')],
        [t('campaigns:settings.callees'), t(`campaigns:callees.${settings.callees ?? 'consumers'}`)],
        [t('details.tell'), told || t('campaigns:settings.as_assistant')],
      ]} />
      <Part step="who" rows={[[t('who.title'), progress.data ? number(progress.data.total, locale) : undefined]]} />
      <Part step="assistant" rows={[
        [t('campaigns:field.assistant'), draft.assistant_id && assistant(draft.assistant_id)],
        [t('campaigns:field.trunk'), draft.trunk_id && trunk(draft.trunk_id)],
        [t('campaigns:field.caller_id'), <PhoneText key="from" number={draft.caller_id} />],
      ]} />
      <Part step="when" rows={[
        [t('campaigns:settings.tz_mode'), `${t(`campaigns:tz_mode.${settings.tz_mode ?? 'contact_local'}`)} (${schedule.time_zone})`],
        ...runsOf(schedule).map((run, index): [string, ReactNode] => [
          t('campaigns:runs.title', { no: index + 1 }),
          <div key={index}>
            {words.days(run.days)}, {words.slots(run.slots, run.contact_hours)}
            <div className="cw-caption">{t(`campaigns:audience.${run.audience ?? 'all_unfinished'}`)} · {t('campaigns:runs.retries', { count: run.max_retries ?? retries, all: 1 + (run.max_retries ?? retries) })}</div>
            <div className="cw-caption">{run.callbacks?.enabled === false ? t('campaigns:settings.no_callbacks') : t(`campaigns:settings.callbacks_${run.callbacks?.outside_hours ?? 'ask'}`)}</div>
          </div>,
        ]),
      ]} />
      <Part step="dialing" rows={[
        [t('campaigns:field.calls_per_minute'), settings.calls_per_minute ?? 10],
        [t('campaigns:field.max_concurrent_calls'), settings.max_concurrent_calls ?? 5],
        [t('campaigns:field.max_retries'), t('campaigns:runs.retries', { count: retries, all: 1 + retries })],
        [t('campaigns:field.retry_delay_min'), t('campaigns:settings.minutes', { count: settings.retry_delay_min ?? 5 })],
        [t('campaigns:field.max_call_duration_s'), t('campaigns:settings.seconds', { count: settings.max_call_duration_s ?? 300 })],
      ]} />
    </>
  )
}

function Part({ step, rows }: { step: Step; rows: [string, ReactNode][] }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const [, patch] = useSearch()
  return (
    <Card title={t(`step.${step}`)} actions={<Button size="small" icon={<Pencil size={14} />} aria-label={`${t('common:action.edit')}: ${t(`step.${step}`)}`} onClick={() => patch({ step })}>{t('common:action.edit')}</Button>}>
      <dl className="cw-facts-list">
        {rows.map(([name, value]) => <div key={name} className="cw-fact"><dt>{name}</dt><dd>{value ?? <Nothing />}</dd></div>)}
      </dl>
    </Card>
  )
}

/** Minutes of the plan; what is needed of them stands in the forecast above. */
function Minutes() {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const locale = useLocale()
  const can = useCan()
  const usage = useQuery({ ...usageQuery, enabled: can('settings:read') }).data
  if (usage?.minutes_left == null) return null
  return <Card title={t('review.minutes')}><p>{t('review.minutes_left', { left: number(usage.minutes_left, locale) })}</p></Card>
}
