/** Cases: what people are called about, with their type, state and primary contact. */
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Button } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { send } from '@/api/client'
import { caseLabelsQuery, casesQuery, finished, type Case, type PeopleJob } from '@/api/people'
import { useCan } from '@/api/session'
import { useCrumbs } from '@/app/crumbs'
import { useKey } from '@/app/keys'
import { listOf, useSearch } from '@/app/search-params'
import { ListChecks, Plus } from '@/ui/icons'
import { PageHeader } from '@/ui/PageHeader'
import { DataTable, SearchBox, StateFilter, useList, useSelection, type Chosen, type Column } from '@/ui/table'
import { useFail } from '@/ui/useFail'
import { useUndo } from '@/ui/useUndo'
import { Nothing, PhoneText, TimeText } from '@/ui/values'
import '../people.css'

const AskList = lazy(() => import('../lists/AskList'))
const CaseDrawer = lazy(() => import('./CaseDrawer'))
const CaseForm = lazy(() => import('./CaseForm'))

export default function CasesPage() {
  const { t } = useTranslation('people')
  const can = useCan()
  const [search, patch] = useSearch()
  const [making, setMaking] = useState(false)
  const list = useList('cases', { sort: '-created_at' })
  const types = useQuery(caseLabelsQuery('types'))
  const statuses = useQuery(caseLabelsQuery('statuses'))
  const filter = { ...(search.q ? { search: search.q } : {}), ...(search.type ? { type_id: search.type } : {}), ...(search.status ? { status_id: search.status } : {}) }
  const selection = useSelection(filter)
  const query = useQuery({ ...casesQuery({ ...filter, ...list.wish }), placeholderData: keepPreviousData })
  const writes = can('contacts:write')
  useCrumbs({ label: t('common:nav.cases') })
  useKey('n', () => setMaking(true), writes)
  const make = writes && <Button type="primary" icon={<Plus size={16} strokeWidth={1.75} />} onClick={() => setMaking(true)}>{t('cases.new')}</Button>
  const show = (id: string | undefined) => patch({ case: id })
  const columns: Column<Case>[] = [
    { key: 'external', title: t('cases.case'), width: 170, fixed: 'start', sort: 'external_id', render: (row) => <Link className="cw-row-link" to="/cases" search={((old: object) => ({ ...old, case: row.id })) as never}>{row.external_id || row.id.slice(-8)}</Link> },
    { key: 'contact', title: t('cases.contact'), width: 190, render: (row) => (row.contact ? <Link to="/contacts" search={{ contact: row.contact.id } as never}>{row.contact.name || row.contact.phone}</Link> : <Nothing />) },
    { key: 'phone', title: t('field.phone'), width: 180, render: (row) => <PhoneText number={row.contact?.phone} /> },
    { key: 'type', title: t('cases.type'), width: 150, render: (row) => row.case_type?.name ?? <Nothing /> },
    { key: 'status', title: t('cases.status'), width: 150, render: (row) => row.case_status?.name ?? <Nothing /> },
    { key: 'details', title: t('cases.details'), width: 220, render: (row) => Object.entries(row.details).map(([name, value]) => `${name}: ${value}`).join(', ') || <Nothing /> },
    { key: 'created', title: t('field.created'), width: 150, sort: 'created_at', render: (row) => <TimeText at={row.created_at} /> },
  ]
  const labels = (items: { id: string; name: string }[] | undefined) => items?.map((one) => ({ value: one.id, label: one.name })) ?? []
  return (
    <>
      <PageHeader title={t('common:nav.cases')} actions={make} />
      <DataTable
        label={t('common:nav.cases')}
        columns={columns}
        query={query}
        list={list}
        rowKey={(row) => row.id}
        rowName={(row) => row.external_id || row.contact?.name || '—'}
        onOpen={(row) => show(row.id)}
        isOpen={(row) => row.id === search.case}
        filtered={Object.keys(filter).length > 0}
        onReset={() => list.filter({ q: undefined, type: undefined, status: undefined })}
        empty={{ text: t('cases.empty'), action: make }}
        {...(writes ? { selection, bulk: (chosen) => <Bulk chosen={chosen} filter={filter} done={selection.clear} /> } : {})}
        filters={
          <>
            <SearchBox value={search.q} onChange={(q) => list.filter({ q })} placeholder={t('cases.search')} />
            <StateFilter value={listOf<string>(search.type)} onChange={(next) => list.filter({ type: next.join(',') })} options={labels(types.data?.items)} placeholder={t('cases.any_type')} />
            <StateFilter value={listOf<string>(search.status)} onChange={(next) => list.filter({ status: next.join(',') })} options={labels(statuses.data?.items)} placeholder={t('cases.any_status')} />
          </>
        }
      />
      <Suspense>
        {search.case !== undefined && <CaseDrawer key={search.case} id={search.case} close={() => show(undefined)} />}
        {making && <CaseForm close={() => setMaking(false)} onSaved={(one) => show(one.id)} />}
      </Suspense>
    </>
  )
}

function Bulk({ chosen, filter, done }: { chosen: Chosen; filter: Record<string, string>; done: () => void }) {
  const { t } = useTranslation('people')
  const client = useQueryClient()
  const fail = useFail()
  const tell = useUndo()
  const [asking, setAsking] = useState(false)
  const put = async (list_id: string) => {
    const { type_id, status_id, ...rest } = filter
    const whole = { ...rest, ...(type_id ? { type_id: type_id.split(',') } : {}), ...(status_id ? { status_id: status_id.split(',') } : {}) }
    try {
      const job = await finished(await send<PeopleJob>('POST', '/api/v1/cases/bulk', { act: 'add_to_list', list_id, ...(chosen.all ? { filter: whole } : { ids: chosen.ids }) }))
      tell({ title: t('bulk.did.add_to_list', { count: job.changed }) })
      done()
    } catch (error) {
      fail(error)
    } finally {
      await client.invalidateQueries({ queryKey: ['lists'] })
    }
  }
  return (
    <>
      <Button size="small" icon={<ListChecks size={14} />} onClick={() => setAsking(true)}>{t('bulk.add_to_list')}</Button>
      <Suspense>{asking && <AskList kind="cases" close={() => setAsking(false)} onOk={put} />}</Suspense>
    </>
  )
}
