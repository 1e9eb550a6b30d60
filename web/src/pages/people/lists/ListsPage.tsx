/** Lists of contacts and of cases. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Button } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useNavigate } from '@tanstack/react-router'
import { listsQuery, type PeopleList } from '@/api/people'
import { useCan } from '@/api/session'
import { useCrumbs } from '@/app/crumbs'
import { useKey } from '@/app/keys'
import { useSearch } from '@/app/search-params'
import { Plus } from '@/ui/icons'
import { PageHeader } from '@/ui/PageHeader'
import { DataTable, SearchBox, StateFilter, useList, type Column } from '@/ui/table'
import { Nothing, NumberText, TimeText } from '@/ui/values'

const ListForm = lazy(() => import('./ListForm'))

export default function ListsPage() {
  const { t } = useTranslation('people')
  const can = useCan()
  const navigate = useNavigate()
  const [search] = useSearch()
  const [making, setMaking] = useState(false)
  const list = useList('lists', { sort: 'name' })
  const filter = { ...(search.q ? { search: search.q } : {}), ...(search.kind ? { kind: search.kind } : {}) }
  const query = useQuery({ ...listsQuery({ ...filter, ...list.wish }), placeholderData: keepPreviousData })
  const writes = can('contacts:write')
  useCrumbs({ label: t('common:nav.lists') })
  useKey('n', () => setMaking(true), writes)
  const make = writes && <Button type="primary" icon={<Plus size={16} strokeWidth={1.75} />} onClick={() => setMaking(true)}>{t('lists.create')}</Button>
  const columns: Column<PeopleList>[] = [
    { key: 'name', title: t('field.name'), width: 260, fixed: 'start', sort: 'name', render: (row) => <Link className="cw-row-link" to={`/lists/${row.id}`}>{row.name}</Link> },
    { key: 'kind', title: t('lists.kind'), width: 130, render: (row) => t(`lists.of.${row.kind}`) },
    { key: 'members', title: t('lists.members'), width: 120, align: 'right', sort: 'members', render: (row) => <NumberText value={row.members} /> },
    { key: 'obo', title: t('lists.obo'), width: 150, render: (row) => (row.obo ? t('common:yes') : <Nothing />) },
    { key: 'company', title: t('lists.company_name'), width: 200, render: (row) => row.company_name ?? <Nothing /> },
    { key: 'case_type', title: t('lists.case_type'), width: 180, render: (row) => row.case_type ?? <Nothing /> },
    { key: 'updated', title: t('field.updated'), width: 150, sort: 'updated_at', render: (row) => <TimeText at={row.updated_at} /> },
    { key: 'created', title: t('field.created'), width: 150, sort: 'created_at', hidden: true, render: (row) => <TimeText at={row.created_at} /> },
  ]
  return (
    <>
      <PageHeader title={t('common:nav.lists')} actions={make} />
      <DataTable
        label={t('common:nav.lists')}
        columns={columns}
        query={query}
        list={list}
        rowKey={(row) => row.id}
        rowName={(row) => row.name}
        to={(row) => `/lists/${row.id}`}
        filtered={Object.keys(filter).length > 0}
        onReset={() => list.filter({ q: undefined, kind: undefined })}
        empty={{ text: t('lists.empty'), action: make }}
        filters={
          <>
            <SearchBox value={search.q} onChange={(q) => list.filter({ q })} placeholder={t('lists.search')} />
            <StateFilter single value={search.kind === 'contacts' || search.kind === 'cases' ? [search.kind] : []} onChange={([kind]) => list.filter({ kind })} options={(['contacts', 'cases'] as const).map((value) => ({ value, label: t(`lists.of.${value}`) }))} placeholder={t('lists.kind')} />
          </>
        }
      />
      <Suspense>{making && <ListForm close={() => setMaking(false)} onSaved={(id) => void navigate({ to: `/lists/${id}` })} />}</Suspense>
    </>
  )
}
