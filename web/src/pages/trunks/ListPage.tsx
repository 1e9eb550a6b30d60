import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Button } from 'antd'
import { lazy, Suspense } from 'react'
import { useTranslation } from 'react-i18next'
import { trunksQuery, type Trunk } from '@/api/organisation'
import { useCan } from '@/api/session'
import { useCrumbs } from '@/app/crumbs'
import { useKey } from '@/app/keys'
import { useSearch } from '@/app/search-params'
import { Plus } from '@/ui/icons'
import { PageHeader } from '@/ui/PageHeader'
import { DataTable, SearchBox, type Column } from '@/ui/table'
import { NumberText, PhoneText, TimeText } from '@/ui/values'
import { stateOf, TrunkTag } from './state'

const TrunkModal = lazy(() => import('./TrunkModal'))

export default function ListPage() {
  const { t } = useTranslation('trunks')
  useCrumbs({ label: t('common:nav.trunks') })
  const can = useCan()
  const [search, patch] = useSearch()
  // Registrations and breakers change without an event: the list is read again now and then.
  const query = useQuery({ ...trunksQuery, refetchInterval: 10_000 })
  const wanted = (search.q ?? '').toLowerCase()
  const items = query.data?.items.filter((trunk) => trunk.name.toLowerCase().includes(wanted) || trunk.host.toLowerCase().includes(wanted)) ?? []
  const writes = can('settings:write')
  const create = () => patch({ new: '1' })
  useKey('n', create, writes)
  const button = writes ? <Button type="primary" icon={<Plus size={16} />} onClick={create}>{t('create')}</Button> : undefined
  const columns: Column<Trunk>[] = [
    { key: 'name', title: t('field.name'), width: 230, fixed: 'start', render: (trunk) => <span className="cw-cell-two"><Link className="cw-row-link" to={`/trunks/${trunk.id}`}>{trunk.name}</Link><small>{trunk.host}</small></span> },
    { key: 'state', title: t('field.state'), width: 160, render: (trunk) => <TrunkTag state={stateOf(trunk)} why={trunk.breaker.cause && t(`cause.${trunk.breaker.cause}`)} /> },
    { key: 'registration', title: t('field.registration'), width: 150, render: (trunk) => t(`registration.${trunk.registration.state}`) },
    { key: 'channels', title: t('field.max_channels'), width: 110, align: 'right', render: (trunk) => <NumberText value={trunk.max_channels} /> },
    { key: 'rate', title: t('field.calls_per_minute'), width: 140, align: 'right', render: (trunk) => <NumberText value={trunk.calls_per_minute} /> },
    { key: 'numbers', title: t('field.caller_ids'), width: 190, render: (trunk) => <span className="cw-cell-two"><PhoneText number={trunk.caller_ids[0]} />{trunk.caller_ids.length > 1 && <small>{t('more_numbers', { count: trunk.caller_ids.length - 1 })}</small>}</span> },
    { key: 'updated', title: t('field.updated'), width: 160, render: (trunk) => <TimeText at={trunk.updated_at} /> },
  ]
  return (
    <>
      <PageHeader title={t('common:nav.trunks')} facts={query.data && <span className="cw-num">{query.data.items.length}</span>} actions={button} />
      <DataTable<Trunk>
        label={t('common:nav.trunks')}
        columns={columns}
        query={{ ...query, data: query.data && { items } }}
        rowKey={(trunk) => trunk.id}
        rowName={(trunk) => trunk.name}
        to={(trunk) => `/trunks/${trunk.id}`}
        filtered={wanted !== ''}
        onReset={() => patch({ q: undefined })}
        empty={{ text: t('empty'), action: button }}
        filters={<SearchBox value={search.q} onChange={(q) => patch({ q })} placeholder={t('search')} />}
      />
      <Suspense>{search.new === '1' && writes && <TrunkModal close={() => patch({ new: undefined })} />}</Suspense>
    </>
  )
}
