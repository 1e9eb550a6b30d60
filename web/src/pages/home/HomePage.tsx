import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { Button } from 'antd'
import { useTranslation } from 'react-i18next'
import { campaignsQuery } from '@/api/campaigns'
import { ATTEMPT_KINDS, CAMPAIGN_KINDS, useFallbackInterval, useLive } from '@/api/live'
import { limitsQuery, liveCallsQuery, usageQuery } from '@/api/organisation'
import { useCan, useSession } from '@/api/session'
import { useCrumbs } from '@/app/crumbs'
import { useKey } from '@/app/keys'
import { Card } from '@/ui/Card'
import { Plus } from '@/ui/icons'
import { PageHeader } from '@/ui/PageHeader'
import { ProblemAlert } from '@/ui/Problem'
import { Stat, Stats } from '@/ui/Stat'
import { NumberText } from '@/ui/values'
import { exists } from '../exists'
import { Checklist } from './Checklist'
import { NeedsYou } from './NeedsYou'
import { RunningCampaigns } from './RunningCampaigns'

export default function HomePage() {
  const { t } = useTranslation('home')
  useCrumbs({ label: t('common:nav.home') })
  const session = useSession()
  const can = useCan()
  const navigate = useNavigate()
  const creates = exists('/campaigns/new') && can('campaigns:write')
  const create = () => void navigate({ to: '/campaigns/new' })
  useKey('n', create, creates)
  useLive({ kinds: [...CAMPAIGN_KINDS, ...ATTEMPT_KINDS, 'target.state'], enabled: can('campaigns:read') })
  const name = session?.user.name.split(/\s+/)[0] ?? ''
  return (
    <>
      <PageHeader
        title={t(`greeting.${partOfDay(new Date().getHours())}`, { name })}
        actions={creates && <Button type="primary" icon={<Plus size={16} />} onClick={create}>{t('create')}</Button>}
      />
      <div className="cw-stack">
        <Numbers />
        <div className="cw-two">
          {can('campaigns:read') && <Running />}
          <div className="cw-stack">
            <NeedsYou />
            <Checklist />
          </div>
        </div>
      </div>
    </>
  )
}

function Numbers() {
  const { t } = useTranslation('home')
  const can = useCan()
  const settings = can('settings:read')
  const refetchInterval = useFallbackInterval()
  const live = useQuery({ ...liveCallsQuery, enabled: can('calls:read'), refetchInterval: refetchInterval || 15_000 })
  const limits = useQuery({ ...limitsQuery, enabled: settings })
  const usage = useQuery({ ...usageQuery, enabled: settings, refetchInterval: 60_000 })
  const talking = live.data?.items.filter((call) => call.stage !== 'dialing' && call.stage !== 'ringing').length
  return (
    <Stats>
      {live.data && (
        <Stat label={t('stat.live')} hint={t('stat.live_hint')} value={<NumberText value={live.data.items.length} />} note={[t('stat.talking', { count: talking }), limits.data && t('stat.of', { most: limits.data.max_concurrent_calls })].filter(Boolean).join(' · ')} />
      )}
      {usage.data && <Stat label={t('stat.campaigns')} hint={t('stat.campaigns_hint')} value={<NumberText value={usage.data.active_campaigns} />} note={limits.data?.max_active_campaigns ? t('stat.of', { most: limits.data.max_active_campaigns }) : t('stat.no_limit')} />}
      {usage.data && <Stat label={t('stat.used')} hint={t('stat.used_hint')} value={<NumberText value={usage.data.minutes_this_month} />} note={t('stat.this_month')} />}
      {usage.data && <Stat label={t('stat.left')} hint={t('stat.left_hint')} value={usage.data.minutes_left == null ? t('stat.unlimited') : <NumberText value={usage.data.minutes_left} />} note={t('stat.this_month')} />}
    </Stats>
  )
}

function Running() {
  const { t } = useTranslation('home')
  const running = useQuery({ ...campaignsQuery({ state: ['in_progress'], sort: '-started_at', limit: 10 }), refetchInterval: useFallbackInterval() })
  return (
    <Card title={t('running.title')} actions={<Link to="/campaigns">{t('running.all')}</Link>}>
      <ProblemAlert error={running.error} retry={() => void running.refetch()} />
      {running.data?.items.length === 0 && <p className="cw-soft">{t('running.none')}</p>}
      {running.data && <RunningCampaigns campaigns={running.data.items} />}
    </Card>
  )
}

function partOfDay(hour: number): 'morning' | 'day' | 'evening' {
  return hour < 12 ? 'morning' : hour < 18 ? 'day' : 'evening'
}
