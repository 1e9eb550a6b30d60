/** Contacts or cases to put into a list. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Modal, Table } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { casesQuery, contactsQuery, type PeopleList } from '@/api/people'
import { IconButton } from '@/ui/IconButton'
import { ChevronLeft, ChevronRight } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { SearchBox } from '@/ui/table'
import { PhoneText } from '@/ui/values'
import { ofCase, ofContact } from './Members'

const PAGE = 10

export default function AddMembers({ list, close, onAdd }: { list: PeopleList; close: () => void; onAdd: (ids: string[]) => Promise<void> }) {
  const { t } = useTranslation('people')
  const [search, setSearch] = useState<string>()
  const [trail, setTrail] = useState<string[]>([])
  const [chosen, setChosen] = useState<string[]>([])
  const [busy, setBusy] = useState(false)
  const isCases = list.kind === 'cases'
  const wish = { search, limit: PAGE, after: trail.at(-1) }
  const contacts = useQuery({ ...contactsQuery(wish), placeholderData: keepPreviousData, enabled: !isCases })
  const cases = useQuery({ ...casesQuery(wish), placeholderData: keepPreviousData, enabled: isCases })
  const query = isCases ? cases : contacts
  const rows = isCases ? cases.data?.items.map(ofCase) : contacts.data?.items.map(ofContact)
  const next = query.data?.next
  const add = async () => {
    setBusy(true)
    await onAdd(chosen)
    close()
  }
  return (
    <Modal open width={760} title={t('lists.add_to', { name: list.name })} okText={t('lists.add_count', { count: chosen.length })} okButtonProps={{ disabled: chosen.length === 0 }} confirmLoading={busy} onOk={() => void add()} onCancel={close}>
      <div className="cw-stack cw-tight">
        <ProblemAlert error={query.error} />
        <SearchBox value={search} onChange={(text) => { setSearch(text); setTrail([]) }} placeholder={t('contacts.search')} />
        <Table
          size="small"
          rowKey="id"
          aria-label={t(`lists.of.${list.kind}`)}
          pagination={false}
          loading={query.isPending}
          dataSource={rows ?? []}
          locale={{ emptyText: query.isPending ? ' ' : t('common:table.no_match') }}
          rowSelection={{
            preserveSelectedRowKeys: true,
            selectedRowKeys: chosen,
            onChange: (keys) => setChosen(keys.map(String)),
            getCheckboxProps: (row) => ({ 'aria-label': t('common:table.select', { name: row.name }) }),
            getTitleCheckboxProps: () => ({ 'aria-label': t('common:table.select_page') }),
          }}
          columns={[
            { title: t(isCases ? 'cases.case' : 'field.name'), dataIndex: 'name', ellipsis: true },
            { title: t('field.phone'), width: 190, render: (_, row) => <PhoneText number={row.phone} /> },
          ]}
        />
        <span className="cw-buttons cw-end">
          <IconButton icon={ChevronLeft} label={t('common:table.previous')} why={trail.length === 0 ? t('common:table.is_first') : undefined} onClick={() => setTrail(trail.slice(0, -1))} />
          <span className="cw-num">{trail.length + 1}</span>
          <IconButton icon={ChevronRight} label={t('common:table.next')} why={next ? undefined : t('common:table.is_last')} onClick={() => next && setTrail([...trail, next])} />
        </span>
      </div>
    </Modal>
  )
}
