import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Skeleton } from 'antd'
import { useTranslation } from 'react-i18next'
import { progressQuery, type Campaign, type Progress } from '@/api/campaigns'
import type { Schema } from '@/api/client'
import { useFallbackInterval } from '@/api/live'
import { Card } from '@/ui/Card'
import { percent } from '@/ui/format'
import { ProblemAlert } from '@/ui/Problem'
import { Stat, Stats } from '@/ui/Stat'
import { TargetTag } from '@/ui/status/states'
import { NumberText, useLocale } from '@/ui/values'
import { ProgressBar } from '../../parts/ProgressBar'
import { ForecastCard } from './ForecastCard'

export default function OverviewTab({ campaign }: { campaign: Campaign }) {
  const progress = useQuery({ ...progressQuery(campaign.id), refetchInterval: useFallbackInterval() })
  const over = campaign.state === 'cancelled' || campaign.state === 'completed' || campaign.state === 'deleting'
  return (
    <div className="cw-stack">
      <ProblemAlert error={progress.error} retry={() => void progress.refetch()} />
      {progress.isPending && <Skeleton active />}
      {progress.data && <Numbers progress={progress.data} />}
      <div className={over ? 'cw-stack' : 'cw-two'}>
        {progress.data && <States campaign={campaign} progress={progress.data} />}
        {!over && <ForecastCard campaign={campaign} />}
      </div>
    </div>
  )
}

/** The six numbers; they add up: total = pending + in progress + completed + failed. */
function Numbers({ progress }: { progress: Progress }) {
  const { t } = useTranslation('campaigns')
  const locale = useLocale()
  const removed = (progress.by_state.rejected ?? 0) + (progress.by_state.removed ?? 0)
  const stat = (key: 'pending' | 'in_progress' | 'completed' | 'failed') => <Stat label={t(`progress.${key}`)} hint={t(`progress_hint.${key}`)} value={<NumberText value={progress[key]} />} />
  return (
    <Stats>
      <Stat label={t('progress.total')} hint={t('progress_hint.total')} value={<NumberText value={progress.total} />} note={removed > 0 ? t('progress.left_out', { count: removed }) : undefined} />
      {stat('pending')}
      {stat('in_progress')}
      {stat('completed')}
      {stat('failed')}
      <Stat label={t('progress.percent')} hint={t('progress_hint.percent')} value={percent(progress.percent_complete / 100, locale)} note={<ProgressBar progress={progress} />} />
      {progress.silent_starts > 0 && <Stat label={t('progress.silent')} hint={t('progress_hint.silent')} value={<NumberText value={progress.silent_starts} />} />}
    </Stats>
  )
}

const ORDER: Schema['TargetState'][] = ['new', 'waiting', 'ready', 'callback', 'in_progress', 'suspended', 'done', 'failed', 'blocked', 'expired', 'rejected', 'removed']

/** How many contacts are in each state; each row leads to them. */
function States({ campaign, progress }: { campaign: Campaign; progress: Progress }) {
  const { t } = useTranslation('campaigns')
  const locale = useLocale()
  const counts = ORDER.map((state) => ({ state, count: progress.by_state[state] ?? 0 })).filter(({ count }) => count > 0)
  const all = counts.reduce((sum, { count }) => sum + count, 0)
  return (
    <Card title={t('overview.states')}>
      {counts.length === 0 && <p className="cw-soft">{t('overview.no_contacts')}</p>}
      <ul className="cw-states">
        {counts.map(({ state, count }) => (
          <li key={state}>
            <TargetTag state={state} />
            <div className="cw-bar" aria-hidden><i style={{ inlineSize: `${(100 * count) / all}%`, background: 'var(--cw-edge)' }} /></div>
            <Link className="cw-num" to={`/campaigns/${campaign.id}/contacts`} search={{ state } as never} aria-label={t('overview.show', { state: t(`common:state.target.${state}`), count })}><NumberText value={count} /></Link>
            <span className="cw-num cw-soft">{percent(count / all, locale)}</span>
          </li>
        ))}
      </ul>
    </Card>
  )
}
