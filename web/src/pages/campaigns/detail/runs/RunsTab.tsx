import { useQuery } from '@tanstack/react-query'
import { Button, Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { Link } from '@tanstack/react-router'
import { runsQuery, type Campaign, type Run } from '@/api/campaigns'
import { Card } from '@/ui/Card'
import { date, percent } from '@/ui/format'
import { AudioLines, CalendarClock, Check, Download } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { Stat, Stats } from '@/ui/Stat'
import { StatusTag } from '@/ui/status/StatusTag'
import { NumberText, TimeText, useLocale } from '@/ui/values'
import { useScheduleWords } from '../../parts/schedule'

const LOOK = { upcoming: ['new', CalendarClock], open: ['live', AudioLines], over: ['success', Check] } as const

export default function RunsTab({ campaign }: { campaign: Campaign }) {
  const runs = useQuery(runsQuery(campaign.id))
  return (
    <div className="cw-stack">
      <ProblemAlert error={runs.error} retry={() => void runs.refetch()} />
      {runs.isPending && <Skeleton active />}
      {runs.data?.items.map((run) => <RunCard key={run.ordinal} run={run} campaign={campaign} />)}
    </div>
  )
}

/** A run with its days and what came of it. */
function RunCard({ run, campaign }: { run: Run; campaign: Campaign }) {
  const { t } = useTranslation('campaigns')
  const locale = useLocale()
  const words = useScheduleWords()
  const [tone, icon] = LOOK[run.state]
  const actions = run.id && (
    <>
      <Link to={`/campaigns/${campaign.id}/calls`} search={{ run: run.id } as never}>{t('runs.calls')}</Link>
      <Button size="small" icon={<Download size={14} />} href={`/api/v1/campaigns/${campaign.id}/runs/${run.id}/attempts.csv`} download>{t('runs.export')}</Button>
    </>
  )
  return (
    <Card title={<span className="cw-line">{t('runs.title', { no: run.ordinal })} <StatusTag tone={tone} icon={icon}>{t(`runs.state.${run.state}`)}</StatusTag></span>} actions={actions}>
      <div className="cw-two">
        <dl className="cw-facts-list">
          <dt>{t('runs.days')}</dt>
          <dd>{words.days(run.days)}</dd>
          <dt>{t('runs.slots')}</dt>
          <dd>{words.slots(run.slots)}</dd>
          <dt>{t('runs.audience')}</dt>
          <dd>{t(`audience.${run.audience}`)}</dd>
          <dt>{t('field.max_retries')}</dt>
          <dd>{t('runs.retries', { count: run.max_retries, all: run.max_retries + 1 })}</dd>
          {run.first_day && <><dt>{t('runs.first_day')}</dt><dd>{date(new Date(`${run.first_day}T00:00`), locale)}</dd></>}
          {run.opened_at && <><dt>{t('runs.opened')}</dt><dd><TimeText at={run.opened_at} zone={campaign.schedule.time_zone} /></dd></>}
        </dl>
        <Stats>
          <Stat label={t('runs.dials')} hint={t('runs.dials_hint')} value={<NumberText value={run.dials} />} />
          <Stat label={t('runs.answered')} hint={t('runs.answered_hint')} value={<NumberText value={run.answered} />} note={run.dials > 0 ? percent(run.answered / run.dials, locale) : undefined} />
        </Stats>
      </div>
    </Card>
  )
}
