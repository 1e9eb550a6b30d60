/** Who is in a list, who comes in and who goes out. */
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { App, Button } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { send } from '@/api/client'
import { casesQuery, contactsQuery, finished, type Case, type Contact, type PeopleJob, type PeopleList } from '@/api/people'
import { useCan } from '@/api/session'
import { useSearch } from '@/app/search-params'
import { UserMinus, UserPlus } from '@/ui/icons'
import { DataTable, SearchBox, useList, useSelection, type Chosen, type Column } from '@/ui/table'
import { useFail } from '@/ui/useFail'
import { Nothing, PhoneText } from '@/ui/values'

const AddMembers = lazy(() => import('./AddMembers'))

interface Row {
  id: string
  name: string
  phone: string | undefined
  contact: string | undefined
  more: string
}

export function Members({ list }: { list: PeopleList }) {
  const { t } = useTranslation('people')
  const { message } = App.useApp()
  const can = useCan()
  const client = useQueryClient()
  const fail = useFail()
  const [search] = useSearch()
  const [adding, setAdding] = useState(false)
  const sheet = useList(`members.${list.kind}`)
  const filter = { list_id: list.id, ...(search.q ? { search: search.q } : {}) }
  const selection = useSelection(filter)
  const isCases = list.kind === 'cases'
  const contacts = useQuery({ ...contactsQuery({ ...filter, ...sheet.wish }), placeholderData: keepPreviousData, enabled: !isCases })
  const cases = useQuery({ ...casesQuery({ ...filter, ...sheet.wish }), placeholderData: keepPreviousData, enabled: isCases })
  const query = isCases ? cases : contacts
  const rows = isCases ? cases.data?.items.map(ofCase) : contacts.data?.items.map(ofContact)
  const writes = can('contacts:write')

  const change = async (act: 'add' | 'remove', members: object) => {
    try {
      const job = await finished(await send<PeopleJob>('POST', `/api/v1/lists/${list.id}/members`, { act, members }))
      message.success(t(`lists.did_${act}`, { count: job.changed }))
      selection.clear()
    } catch (error) {
      fail(error)
    } finally {
      await Promise.all([client.invalidateQueries({ queryKey: ['lists'] }), client.invalidateQueries({ queryKey: [list.kind] })])
    }
  }
  const takeOut = (chosen: Chosen) => change('remove', chosen.all ? { [isCases ? 'case_filter' : 'contact_filter']: filter } : { [isCases ? 'case_ids' : 'contact_ids']: chosen.ids })
  const add = writes && <Button type="primary" icon={<UserPlus size={16} strokeWidth={1.75} />} onClick={() => setAdding(true)}>{t('lists.add')}</Button>
  const columns: Column<Row>[] = [
    { key: 'name', title: t(isCases ? 'cases.case' : 'field.name'), width: 200, fixed: 'start', render: (row) => (row.contact ? <Link className="cw-row-link" to="/contacts" search={{ contact: row.contact } as never}>{row.name}</Link> : row.name) },
    { key: 'phone', title: t('field.phone'), width: 170, render: (row) => <PhoneText number={row.phone} /> },
    { key: 'more', title: t(isCases ? 'cases.type' : 'field.time_zone'), width: 180, render: (row) => row.more || <Nothing /> },
  ]
  return (
    <div>
      <DataTable
        label={t('lists.members')}
        columns={columns}
        query={{ ...query, data: rows && { items: rows, next: query.data?.next ?? null } }}
        list={sheet}
        rowKey={(row) => row.id}
        rowName={(row) => row.name}
        total={search.q ? undefined : list.members}
        filtered={Boolean(search.q)}
        onReset={() => sheet.filter({ q: undefined })}
        empty={{ text: t('lists.nobody'), action: add }}
        actions={list.members > 0 ? add : undefined}
        {...(writes ? { selection, bulk: (chosen) => <Button size="small" icon={<UserMinus size={14} />} onClick={() => void takeOut(chosen)}>{t('lists.remove')}</Button> } : {})}
        filters={<SearchBox value={search.q} onChange={(q) => sheet.filter({ q })} placeholder={t('contacts.search')} width={230} />}
      />
      <Suspense>{adding && <AddMembers list={list} close={() => setAdding(false)} onAdd={(ids) => change('add', { [isCases ? 'case_ids' : 'contact_ids']: ids })} />}</Suspense>
    </div>
  )
}

export function ofContact(contact: Contact): Row {
  return { id: contact.id, name: contact.name || contact.phone || '—', phone: contact.phone ?? undefined, contact: contact.id, more: contact.time_zone?.replaceAll('_', ' ') ?? '' }
}

export function ofCase(one: Case): Row {
  return { id: one.id, name: [one.external_id, one.contact?.name].filter(Boolean).join(' · ') || '—', phone: one.contact?.phone ?? undefined, contact: one.contact?.id, more: one.case_type?.name ?? '' }
}
