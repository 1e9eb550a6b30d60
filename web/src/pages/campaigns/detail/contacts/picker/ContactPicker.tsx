/** People for the campaign: who is not in it yet, chosen over pages, or new ones on the spot. */
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Checkbox, Collapse, InputNumber, Modal, Table } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Campaign } from '@/api/campaigns'
import { api, read, type Schema } from '@/api/client'
import { useCan } from '@/api/session'
import { IconButton } from '@/ui/IconButton'
import { ChevronLeft, ChevronRight } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { SearchBox } from '@/ui/table'
import { PhoneText, Nothing } from '@/ui/values'
import { useResumeToo } from '../resume'
import { NewContact } from './NewContact'

type Contact = Schema['ContactView']

const ROWS = 10

export default function ContactPicker({ campaign, close }: { campaign: Campaign; close: () => void }) {
  const { t } = useTranslation('campaigns')
  const { message } = App.useApp()
  const can = useCan()
  const client = useQueryClient()
  const resumeToo = useResumeToo(campaign)
  const [search, setSearch] = useState<string>()
  const [trail, setTrail] = useState<string[]>([])
  const [chosen, setChosen] = useState<string[]>([])
  const [priority, setPriority] = useState(0)
  const [forApproval, setForApproval] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const query = { not_in_campaign_id: campaign.id, search, after: trail.at(-1), limit: ROWS }
  const contacts = useQuery({
    queryKey: ['contacts', 'list', query],
    queryFn: () => read(api.GET('/api/v1/contacts', { params: { query } })),
    placeholderData: keepPreviousData,
  })

  const add = async () => {
    const start = await resumeToo()
    if (start === undefined) return
    setBusy(true)
    try {
      const report = await read(api.POST('/api/v1/campaigns/{id}/contacts', { params: { path: { id: campaign.id } }, body: { contact_ids: chosen, priority, for_approval: forApproval, start } }))
      message.success([t('picker.added', { count: report.added }), report.already_there > 0 ? t('picker.already', { count: report.already_there }) : ''].filter(Boolean).join(' '))
      for (const guard of report.campaign.guards ?? []) message.warning(t(`guard.${guard.code}`, { defaultValue: guard.reason }))
      close()
    } catch (refused) {
      setError(refused)
    } finally {
      setBusy(false)
      await Promise.all([client.invalidateQueries({ queryKey: ['campaigns'] }), client.invalidateQueries({ queryKey: ['contacts'] })])
    }
  }
  const made = (contact: Contact) => {
    setChosen((all) => [...all, contact.id])
    void contacts.refetch()
  }

  return (
    <Modal
      open
      width={960}
      title={t('picker.title', { name: campaign.name })}
      onCancel={close}
      onOk={() => void add()}
      confirmLoading={busy}
      okText={t('picker.add', { count: chosen.length })}
      okButtonProps={{ disabled: chosen.length === 0 }}
    >
      <div className="cw-stack cw-tight">
        <ProblemAlert error={error ?? contacts.error} />
        <Collapse
          size="small"
          items={[{
            key: 'options',
            label: t('picker.options'),
            children: (
              <div className="cw-line">
                <label className="cw-line">{t('field.priority')} <InputNumber min={-1000} max={1000} value={priority} onChange={(value) => setPriority(value ?? 0)} /></label>
                <Checkbox checked={forApproval} onChange={(event) => setForApproval(event.target.checked)}>{t('picker.for_approval')}</Checkbox>
                <span className="cw-caption">{t('picker.options_hint')}</span>
              </div>
            ),
          }]}
        />
        <div className="cw-line">
          <SearchBox value={search} onChange={(next) => { setSearch(next); setTrail([]) }} placeholder={t('picker.search')} width={340} />
          {can('contacts:write') && <NewContact onMade={made} />}
        </div>
        <Table<Contact>
          size="small"
          rowKey="id"
          aria-label={t('tab.contacts')}
          pagination={false}
          loading={contacts.isPending}
          dataSource={contacts.data?.items ?? []}
          locale={{ emptyText: contacts.isPending ? ' ' : search ? t('common:table.no_match') : t('picker.none') }}
          rowSelection={{
            preserveSelectedRowKeys: true,
            selectedRowKeys: chosen,
            onChange: (keys) => setChosen(keys.map(String)),
            getCheckboxProps: (contact) => ({ 'aria-label': t('common:table.select', { name: contact.name || contact.phone }) }),
            getTitleCheckboxProps: () => ({ 'aria-label': t('common:table.select_page') }),
          }}
          columns={[
            { title: t('field.name'), render: (_, contact) => contact.name || <Nothing /> },
            { title: t('field.phone'), width: 200, render: (_, contact) => <PhoneText number={contact.phone} /> },
            { title: t('field.time_zone'), width: 200, render: (_, contact) => contact.time_zone ?? <Nothing /> },
          ]}
        />
        <div className="cw-line">
          <strong className="cw-num" role="status">{t('common:table.selected', { count: chosen.length, text: chosen.length })}</strong>
          <span className="cw-buttons cw-end">
            <IconButton icon={ChevronLeft} label={t('common:table.previous')} why={trail.length === 0 ? t('common:table.is_first') : undefined} onClick={() => setTrail(trail.slice(0, -1))} />
            <span className="cw-num">{trail.length + 1}</span>
            <IconButton icon={ChevronRight} label={t('common:table.next')} why={contacts.data?.next ? undefined : t('common:table.is_last')} onClick={() => contacts.data?.next && setTrail([...trail, contacts.data.next])} />
          </span>
        </div>
      </div>
    </Modal>
  )
}
