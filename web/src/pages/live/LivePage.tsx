/** Calls that go on: the list at the left, the one that is watched at the right. */
import './live.css'
import '@/pages/calls/calls.css'
import { useQuery } from '@tanstack/react-query'
import { Segmented } from 'antd'
import { lazy, Suspense, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { LiveCall } from '@/api/calls'
import { ATTEMPT_KINDS, useLive } from '@/api/live'
import { assistantsQuery, limitsQuery, liveCallsQuery, trunksQuery } from '@/api/organisation'
import { useCan } from '@/api/session'
import { useCrumbs } from '@/app/crumbs'
import { NARROW, useMedia } from '@/app/media'
import { useSearch } from '@/app/search-params'
import { PageHeader } from '@/ui/PageHeader'
import { OneFilter } from '@/pages/calls/list/OneFilter'
import { DataTable, SearchBox } from '@/ui/table'
import { EmergencyStop } from './EmergencyStop'
import { useColumns } from './list/columns'
import { counts, shown, VIEWS, type View } from './list/filter'
import { NothingLive } from './NothingLive'

const LivePanel = lazy(() => import('./panel/LivePanel'))

/** Milliseconds between two reads: calls that come in and hands that step in send no events. */
const POLL = 3_000

export default function LivePage() {
  const { t } = useTranslation('live')
  useCrumbs({ label: t('common:nav.live') })
  const can = useCan()
  const narrow = useMedia(NARROW)
  const [search, patch] = useSearch()
  const query = useQuery({ ...liveCallsQuery, refetchInterval: POLL })
  const assistants = useQuery({ ...assistantsQuery, enabled: can('assistants:read') })
  const trunks = useQuery({ ...trunksQuery, enabled: can('settings:read') })
  useLive({ kinds: ATTEMPT_KINDS, enabled: can('campaigns:read') }, () => void query.refetch())
  const calls = query.data?.items ?? []
  const number = counts(calls)
  const view: View = VIEWS.find((one) => one === search.view) ?? 'all'
  const filter = { view, search: search.q ?? '', assistant: search.assistant, trunk: search.trunk }
  const filtered = view !== 'all' || Boolean(search.q ?? search.assistant ?? search.trunk)
  const columns = useColumns(narrow || search.call !== undefined)
  const rows = shown(calls, filter)
  const opened = useLastSeen(calls, search.call)

  return (
    <div className="cw-live" data-open={search.call !== undefined || undefined}>
      <div className="cw-live-list">
        <PageHeader title={t('common:nav.live')} facts={<Counted number={number} />} actions={can('campaigns:control') && <EmergencyStop />} />
        <DataTable<LiveCall>
          label={t('common:nav.live')}
          columns={columns}
          query={{ data: query.data && { items: rows }, error: query.error, isPending: query.isPending, refetch: query.refetch }}
          rowKey={(call) => call.id}
          rowName={(call) => call.contact ?? call.id}
          onOpen={(call) => patch({ call: call.id })}
          isOpen={(call) => call.id === search.call}
          filtered={filtered && calls.length > 0}
          onReset={() => patch({ view: undefined, q: undefined, assistant: undefined, trunk: undefined })}
          empty={{ text: <NothingLive /> }}
          filters={
            <>
              <SearchBox value={search.q} onChange={(q) => patch({ q }, { replace: true })} placeholder={t('search')} width={190} />
              <Segmented<View>
                aria-label={t('view')}
                value={view}
                onChange={(next) => patch({ view: next === 'all' ? undefined : next })}
                options={VIEWS.map((value) => ({ value, label: t(`views.${value}`) }))}
              />
              <OneFilter name={t('any_assistant')} value={search.assistant} onChange={(assistant) => patch({ assistant })} options={more(assistants.data?.items)?.map((one) => ({ value: one.id, label: one.definition.name }))} />
              <OneFilter name={t('any_trunk')} value={search.trunk} onChange={(trunk) => patch({ trunk })} options={more(trunks.data?.items)?.map((one) => ({ value: one.id, label: one.name }))} />
            </>
          }
        />
      </div>
      {search.call !== undefined && <Suspense><LivePanel key={search.call} id={search.call} call={opened} gone={query.isSuccess && !calls.some((one) => one.id === search.call)} close={() => patch({ call: undefined })} /></Suspense>}
    </div>
  )
}

/** The call as it was last seen: it stays open when it is over. */
function useLastSeen(calls: readonly LiveCall[], id: string | undefined): LiveCall | undefined {
  const now = calls.find((one) => one.id === id)
  const [last, setLast] = useState<LiveCall>()
  useEffect(() => {
    if (now !== undefined) setLast(now)
  }, [now])
  return now ?? (last?.id === id ? last : undefined)
}

function Counted({ number }: { number: Record<View, number> }) {
  const { t } = useTranslation('live')
  const can = useCan()
  const limits = useQuery({ ...limitsQuery, enabled: can('settings:read') })
  const most = limits.data?.max_concurrent_calls
  return (
    <>
      <span className="cw-num">{most ? t('count.of', { count: number.all, most }) : t('count.all', { count: number.all })}</span>
      {(['talking', 'ringing', 'person'] as const).map((view) => number[view] > 0 && <span key={view} className="cw-num">{t(`count.${view}`, { count: number[view] })}</span>)}
    </>
  )
}

/** One alone is no choice. */
function more<T>(items: T[] | undefined): T[] | undefined {
  return items !== undefined && items.length > 1 ? items : undefined
}
