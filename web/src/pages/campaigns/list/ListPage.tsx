import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { Button, Segmented } from 'antd'
import { useTranslation } from 'react-i18next'
import { campaignsQuery, type CampaignWish } from '@/api/campaigns'
import type { Schema } from '@/api/client'
import { CAMPAIGN_KINDS, useFallbackInterval, useLive } from '@/api/live'
import { assistantsQuery, limitsQuery, usageQuery } from '@/api/organisation'
import { useCan } from '@/api/session'
import { useCrumbs } from '@/app/crumbs'
import { useKey } from '@/app/keys'
import { listOf, useSearch } from '@/app/search-params'
import { Plus } from '@/ui/icons'
import { PageHeader } from '@/ui/PageHeader'
import { DataTable, SearchBox, StateFilter, useList } from '@/ui/table'
import { exists } from '../../exists'
import { useColumns } from './columns'

const STATES: Schema['CampaignState'][] = ['draft', 'in_progress', 'paused', 'completed', 'cancelled']
const VIEWS = ['all', 'active', 'inactive', 'suspended'] as const
type View = (typeof VIEWS)[number]

/** The views of the guides are groups of states; "suspended" is every pause that no person made. */
const VIEW: Record<View, Pick<CampaignWish, 'state' | 'pause_reason'>> = {
  all: {},
  active: { state: ['in_progress'] },
  inactive: { state: ['draft', 'paused', 'completed', 'cancelled'] },
  suspended: { state: ['paused'], pause_reason: ['quota_minutes', 'plan_active_limit', 'no_phone_number', 'trunk_down', 'failure_breaker', 'compliance', 'admin'] },
}

export default function ListPage() {
  const { t } = useTranslation('campaigns')
  useCrumbs({ label: t('common:nav.campaigns') })
  const navigate = useNavigate()
  const can = useCan()
  const [search] = useSearch()
  const list = useList('campaigns', { sort: '-created_at' })
  const columns = useColumns()
  const view = VIEWS.find((one) => one === search.view) ?? 'all'
  const states = listOf<Schema['CampaignState']>(search.state)
  const query = useQuery({
    ...campaignsQuery({ ...VIEW[view], ...(states.length > 0 ? { state: states } : {}), search: search.q, assistant_id: search.assistant, ...list.wish }),
    placeholderData: keepPreviousData,
    refetchInterval: useFallbackInterval(),
  })
  const assistants = useQuery({ ...assistantsQuery, enabled: can('assistants:read') })
  useLive({ kinds: [...CAMPAIGN_KINDS, 'target.state'] })

  const creates = exists('/campaigns/new') && can('campaigns:write')
  const create = () => void navigate({ to: '/campaigns/new' })
  useKey('n', create, creates)
  const button = creates ? <Button type="primary" icon={<Plus size={16} />} onClick={create}>{t('list.create')}</Button> : undefined
  const filtered = view !== 'all' || states.length > 0 || Boolean(search.q) || Boolean(search.assistant)

  return (
    <>
      <PageHeader title={t('common:nav.campaigns')} facts={<Running />} actions={button} />
      <DataTable
        label={t('common:nav.campaigns')}
        columns={columns}
        query={query}
        list={list}
        rowKey={(campaign) => campaign.id}
        rowName={(campaign) => campaign.name}
        to={(campaign) => `/campaigns/${campaign.id}`}
        filtered={filtered}
        onReset={() => list.filter({ q: undefined, view: undefined, state: undefined, assistant: undefined })}
        empty={{ text: <FirstSteps />, action: button }}
        filters={
          <>
            <SearchBox value={search.q} onChange={(q) => list.filter({ q })} placeholder={t('list.search')} />
            <Segmented<View>
              aria-label={t('list.view')}
              value={view}
              onChange={(next) => list.filter({ view: next === 'all' ? undefined : next, state: undefined })}
              options={VIEWS.map((value) => ({ value, label: t(`list.views.${value}`) }))}
            />
            <StateFilter
              value={states}
              onChange={(next) => list.filter({ state: next.join(','), view: undefined })}
              options={STATES.map((value) => ({ value, label: t(`common:state.campaign.${value}`) }))}
              placeholder={t('list.any_state')}
            />
            {assistants.data !== undefined && assistants.data.items.length > 1 && (
              <StateFilter
                single
                value={search.assistant ? [search.assistant] : []}
                onChange={([assistant]) => list.filter({ assistant })}
                options={assistants.data.items.map((one) => ({ value: one.id, label: one.definition.name }))}
                placeholder={t('list.any_assistant')}
              />
            )}
          </>
        }
      />
    </>
  )
}

/** "2 of 5 running": the plan's limit on campaigns that dial at the same time. */
function Running() {
  const { t } = useTranslation('campaigns')
  const can = useCan()
  const enabled = can('settings:read')
  const usage = useQuery({ ...usageQuery, enabled })
  const limits = useQuery({ ...limitsQuery, enabled })
  if (usage.data === undefined || limits.data === undefined) return null
  const most = limits.data.max_active_campaigns
  return <span className="cw-num">{most ? t('list.running_of', { count: usage.data.active_campaigns, most }) : t('list.running', { count: usage.data.active_campaigns })}</span>
}

/** What a first campaign needs. */
function FirstSteps() {
  const { t } = useTranslation('campaigns')
  const steps = [['/assistants', 'assistant'], ['/contacts', 'contacts'], ['/campaigns/new', 'campaign']] as const
  return (
    <>
      {t('list.empty')}
      <ol className="cw-first-steps">
        {steps.map(([to, name]) => <li key={to}>{exists(to) ? <Link to={to}>{t(`list.step.${name}`)}</Link> : t(`list.step.${name}`)}</li>)}
      </ol>
    </>
  )
}
