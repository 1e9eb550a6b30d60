/** Which list; one that is not there is made by its name. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Button, Modal, Select } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { send } from '@/api/client'
import { listsQuery } from '@/api/people'
import { number } from '@/ui/format'
import { useFail } from '@/ui/useFail'
import { useLocale } from '@/ui/values'

export default function AskList({ close, onOk, kind = 'contacts' }: { close: () => void; onOk: (list: string) => Promise<void>; kind?: 'contacts' | 'cases' }) {
  const { t } = useTranslation('people')
  const locale = useLocale()
  const client = useQueryClient()
  const fail = useFail()
  const lists = useQuery(listsQuery(kind === 'contacts' ? { kind, limit: 200, sort: 'name' } : { limit: 200, sort: 'name' }))
  const [chosen, setChosen] = useState<string>()
  const [name, setName] = useState('')
  const [busy, setBusy] = useState(false)
  const ok = async () => {
    setBusy(true)
    await onOk(chosen!)
    close()
  }
  const make = async () => {
    try {
      const { list } = await send<{ list: { id: string } }>('POST', '/api/v1/lists', { name: name.trim(), kind })
      await client.invalidateQueries({ queryKey: ['lists'] })
      setChosen(list.id)
      setName('')
    } catch (error) {
      fail(error)
    }
  }
  return (
    <Modal open title={t('bulk.add_to_list')} okText={t('bulk.add_to_list')} okButtonProps={{ disabled: chosen === undefined }} confirmLoading={busy} onOk={() => void ok()} onCancel={close} width={440}>
      <Select
        autoFocus
        style={{ width: '100%' }}
        aria-label={t('field.list')}
        placeholder={t('lists.choose')}
        showSearch={{ optionFilterProp: 'label', onSearch: setName }}
        value={chosen}
        onChange={setChosen}
        options={lists.data?.items.map((list) => ({ value: list.id, label: `${list.name} (${number(list.members, locale)})` })) ?? []}
        notFoundContent={name.trim() ? <Button type="text" size="small" onClick={() => void make()}>{t('lists.make', { name: name.trim() })}</Button> : t('lists.none')}
      />
    </Modal>
  )
}
