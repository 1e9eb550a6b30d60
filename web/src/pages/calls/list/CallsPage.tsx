/** All calls of the organisation that are over. A row opens in a drawer, and `?call=` keeps it in the address. */
import '@/pages/calls/calls.css'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Segmented } from 'antd'
import { lazy, Suspense, useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { callsQuery } from '@/api/calls'
import { campaignsQuery } from '@/api/campaigns'
import type { Schema } from '@/api/client'
import { ATTEMPT_KINDS, useFallbackInterval, useLive } from '@/api/live'
import { trunksQuery } from '@/api/organisation'
import { useCan } from '@/api/session'
import { useCrumbs } from '@/app/crumbs'
import { listOf, useSearch } from '@/app/search-params'
import { PageHeader } from '@/ui/PageHeader'
import { DataTable, SearchBox, StateFilter, useList } from '@/ui/table'
import { farSide } from '../parts'
import { useColumns } from './columns'
import { OneFilter } from './OneFilter'
import { LENGTHS, REASONS, VIEWS, wishOf } from './filter'

const ANSWERED_BY: Schema['AnsweredBy'][] = ['human', 'voicemail', 'screening', 'ivr', 'fax', 'false_answer', 'unknown']

const CallDrawer = lazy(() => import('../detail/CallDrawer'))

export default function CallsPage() {
  const { t } = useTranslation('calls')
  useCrumbs({ label: t('common:nav.calls') })
  const can = useCan()
  const [search, patch] = useSearch()
  const list = useList('calls', { sort: '-started_at' })
  const columns = useColumns()
  // The same moment from render to render: a filter that moves would read without end.
  const today = useMemo(() => new Date().setHours(0, 0, 0, 0), [])
  const { wish, view, filtered } = wishOf(search, today)
  const query = useQuery({ ...callsQuery({ ...wish, ...list.wish }), placeholderData: keepPreviousData, refetchInterval: useFallbackInterval() || 30_000 })
  const campaigns = useQuery({ ...campaignsQuery({ limit: 100, sort: '-created_at' }), enabled: can('campaigns:read') })
  const trunks = useQuery({ ...trunksQuery, enabled: can('settings:read') })
  useLive({ kinds: ATTEMPT_KINDS, enabled: can('campaigns:read') }, (events) => {
    // Somebody who looks further back is not moved.
    if (list.page === 1 && events.some((event) => event.to === 'ended')) void query.refetch()
  })
  const open = (id: string | undefined) => patch({ call: id, at: undefined, panel: id === undefined ? undefined : search.panel })
  const ids = query.data?.items.map((call) => call.id) ?? []

  return (
    <div className="cw-calls">
      <PageHeader title={t('common:nav.calls')} />
      <DataTable
        label={t('common:nav.calls')}
        columns={columns}
        query={query}
        list={list}
        rowKey={(call) => call.id}
        rowName={farSide}
        onOpen={(call) => open(call.id)}
        isOpen={(call) => call.id === search.call}
        filtered={filtered}
        onReset={() => list.filter({ q: undefined, view: undefined, direction: undefined, reason: undefined, by: undefined, campaign: undefined, trunk: undefined, length: undefined, since: undefined, contact: undefined })}
        empty={{ text: t('list.empty') }}
        filters={
          <>
            <SearchBox value={search.q} onChange={(q) => list.filter({ q })} placeholder={t('list.search')} width={190} />
            <Segmented
              aria-label={t('list.view')}
              value={view}
              onChange={(next) => list.filter({ view: next === 'all' ? undefined : next })}
              options={VIEWS.map((value) => ({ value, label: t(`list.views.${value}`) }))}
            />
            <StateFilter value={listOf<Schema['Direction']>(search.direction)} onChange={(next) => list.filter({ direction: next.join(',') })} options={(['outbound', 'inbound', 'browser'] as const).map((value) => ({ value, label: t(`direction.${value}`) }))} placeholder={t('list.any_direction')} />
            <StateFilter value={listOf<Schema['DisconnectionReason']>(search.reason)} onChange={(next) => list.filter({ reason: next.join(',') })} options={REASONS.map((value) => ({ value, label: t(`common:reason.${value}`) }))} placeholder={t('list.any_reason')} />
            <StateFilter value={listOf<Schema['AnsweredBy']>(search.by)} onChange={(next) => list.filter({ by: next.join(',') })} options={ANSWERED_BY.map((value) => ({ value, label: t(`common:answered_by.${value}`) }))} placeholder={t('list.any_by')} />
            {campaigns.data !== undefined && campaigns.data.items.length > 0 && (
              <OneFilter name={t('list.any_campaign')} value={search.campaign} onChange={(campaign) => list.filter({ campaign })} options={campaigns.data.items.map((one) => ({ value: one.id, label: one.name }))} />
            )}
            {trunks.data !== undefined && trunks.data.items.length > 1 && (
              <OneFilter name={t('list.any_trunk')} value={search.trunk} onChange={(trunk) => list.filter({ trunk })} options={trunks.data.items.map((one) => ({ value: one.id, label: one.name }))} />
            )}
            <OneFilter name={t('list.any_length')} value={search.length} onChange={(length) => list.filter({ length })} options={LENGTHS.map((value) => ({ value, label: t(`list.length.${value}`) }))} />
            <OneFilter name={t('list.any_day')} value={search.since} onChange={(since) => list.filter({ since })} options={(['today', 'week', 'month'] as const).map((value) => ({ value, label: t(`list.since.${value}`) }))} />
          </>
        }
      />
      <Suspense>{search.call && <CallDrawer id={search.call} ids={ids} go={open} close={() => open(undefined)} />}</Suspense>
    </div>
  )
}
