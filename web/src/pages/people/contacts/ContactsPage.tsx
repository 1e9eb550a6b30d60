/** Everybody who can be called, with what is known of them. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Button } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { contactsQuery, contactsTotalQuery, tagsQuery, type ContactWish } from '@/api/people'
import { useCan } from '@/api/session'
import { useCrumbs } from '@/app/crumbs'
import { useKey } from '@/app/keys'
import { listOf, useSearch } from '@/app/search-params'
import { Plus, Upload } from '@/ui/icons'
import { PageHeader } from '@/ui/PageHeader'
import { DataTable, SearchBox, StateFilter, useList, useSelection } from '@/ui/table'
import { NumberText } from '@/ui/values'
import { useColumns } from './columns'
import '../people.css'

const BulkContacts = lazy(() => import('./BulkContacts'))
const ContactDrawer = lazy(() => import('./ContactDrawer'))
const ContactForm = lazy(() => import('./ContactForm'))
const ImportModal = lazy(() => import('../imports/ImportModal'))

export default function ContactsPage() {
  const { t } = useTranslation('people')
  const can = useCan()
  const [search, patch] = useSearch()
  const [open, setOpen] = useState<'new' | 'import'>()
  const list = useList('contacts', { sort: '-created_at' })
  const tags = useQuery(tagsQuery)
  const chosenTags = listOf<string>(search.tag)
  const filter = {
    ...(search.q ? { search: search.q } : {}),
    ...(chosenTags.length > 0 ? { tag_any: chosenTags } : {}),
    ...(search.phone ? { has_phone: search.phone === 'true' } : {}),
    ...(search.out ? { opted_out: search.out === 'true' } : {}),
    ...(search.zone ? { zone_missing: search.zone === 'missing' } : {}),
  } satisfies ContactWish
  const selection = useSelection(filter)
  const query = useQuery({ ...contactsQuery({ ...filter, ...list.wish }), placeholderData: keepPreviousData })
  const total = useQuery(contactsTotalQuery(filter))
  const filtered = Object.keys(filter).length > 0
  const writes = can('contacts:write')
  const show = (id: string | undefined) => patch({ contact: id })
  useCrumbs({ label: t('common:nav.contacts') })
  useKey('n', () => setOpen('new'), writes)

  const add = writes && <Button type="primary" icon={<Plus size={16} strokeWidth={1.75} />} onClick={() => setOpen('new')}>{t('contacts.new')}</Button>
  const bring = writes && <Button icon={<Upload size={15} strokeWidth={1.75} />} onClick={() => setOpen('import')}>{t('import.title')}</Button>
  return (
    <>
      <PageHeader title={t('common:nav.contacts')} facts={total.data && <NumberText value={total.data.count} />} actions={<>{bring}{add}</>} />
      <DataTable
        label={t('common:nav.contacts')}
        columns={useColumns()}
        query={query}
        list={list}
        rowKey={(contact) => contact.id}
        rowName={(contact) => contact.name || contact.phone || '—'}
        onOpen={(contact) => show(contact.id)}
        isOpen={(contact) => contact.id === search.contact}
        total={total.data?.count}
        filtered={filtered}
        onReset={() => list.filter({ q: undefined, tag: undefined, phone: undefined, out: undefined, zone: undefined })}
        empty={{ text: t('contacts.empty'), action: <span className="cw-line">{bring}{add}</span> }}
        {...(writes ? { selection, bulk: (chosen) => <Suspense><BulkContacts chosen={chosen} filter={filter} done={selection.clear} /></Suspense> } : {})}
        filters={
          <>
            <SearchBox value={search.q} onChange={(q) => list.filter({ q })} placeholder={t('contacts.search')} width={230} />
            {tags.data && tags.data.items.length > 0 && (
              <StateFilter value={chosenTags} onChange={(next) => list.filter({ tag: next.join(',') })} options={tags.data.items.map((tag) => ({ value: tag.id, label: tag.name }))} placeholder={t('contacts.any_tag')} />
            )}
            <StateFilter
              single
              value={search.phone === 'false' ? ['no_phone'] : search.out === 'true' ? ['opted_out'] : search.zone === 'missing' ? ['no_zone'] : []}
              onChange={([next]) => list.filter({ phone: next === 'no_phone' ? 'false' : undefined, out: next === 'opted_out' ? 'true' : undefined, zone: next === 'no_zone' ? 'missing' : undefined })}
              options={(['no_phone', 'no_zone', 'opted_out'] as const).map((value) => ({ value, label: t(`contacts.is.${value}`) }))}
              placeholder={t('contacts.quality')}
            />
          </>
        }
      />
      <Suspense>
        {search.contact !== undefined && <ContactDrawer key={search.contact} id={search.contact} close={() => show(undefined)} />}
        {open === 'new' && <ContactForm close={() => setOpen(undefined)} onSaved={(contact) => show(contact.id)} />}
        {open === 'import' && <ImportModal close={() => setOpen(undefined)} />}
      </Suspense>
    </>
  )
}
