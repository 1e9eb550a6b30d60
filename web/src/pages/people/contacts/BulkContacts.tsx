/** What is done to many contacts at once: tags, lists, the suppression list, deletion. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Button, Modal, Select } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { send } from '@/api/client'
import { finished, listsQuery, tagsQuery, type ContactWish, type PeopleJob } from '@/api/people'
import { number } from '@/ui/format'
import { Ban, ListChecks, Trash2 } from '@/ui/icons'
import type { Chosen } from '@/ui/table'
import { useConfirm } from '@/ui/useConfirm'
import { useFail } from '@/ui/useFail'
import { useUndo } from '@/ui/useUndo'
import { useLocale } from '@/ui/values'

type Act = 'tag' | 'untag' | 'add_to_list' | 'suppress' | 'delete'

export function BulkContacts({ chosen, filter, done }: { chosen: Chosen; filter: ContactWish; done: () => void }) {
  const { t } = useTranslation('people')
  const { message } = App.useApp()
  const client = useQueryClient()
  const confirm = useConfirm()
  const fail = useFail()
  const tell = useUndo()
  const [ask, setAsk] = useState<'tag' | 'untag' | 'add_to_list'>()

  const run = async (act: Act, more: { tags?: string[]; list_id?: string } = {}) => {
    const { tag_any, ...rest } = filter
    // As JSON the filter names tags one by one.
    const whole = tag_any ? { ...rest, tag_any: tag_any.split(',') } : rest
    const hide = message.loading(t('bulk.running'), 0)
    try {
      const job = await finished(await send<PeopleJob>('POST', '/api/v1/contacts/bulk', { act, ...(chosen.all ? { filter: whole } : { ids: chosen.ids }), ...more }))
      const left = Object.entries(job.skipped).map(([why, count]) => t('bulk.skipped', { count, why: t(`bulk.why.${why}`, { defaultValue: why.replaceAll('_', ' ') }) }))
      tell({ title: t(`bulk.did.${act}`, { count: job.changed }), text: left.join(', ') })
      done()
    } catch (error) {
      fail(error)
    } finally {
      hide()
      await Promise.all([client.invalidateQueries({ queryKey: ['contacts'] }), client.invalidateQueries({ queryKey: ['lists'] })])
    }
  }
  const sure = async (act: 'suppress' | 'delete') => {
    const count = chosen.all ? undefined : chosen.ids.length
    const title = count === undefined ? t(`bulk.${act}_all`) : t(`bulk.${act}_title`, { count })
    if (await confirm({ title, text: t(`bulk.${act}_text`), ok: t(`bulk.${act}`), danger: true })) await run(act)
  }

  return (
    <>
      <Button size="small" onClick={() => setAsk('tag')}>{t('bulk.tag')}</Button>
      <Button size="small" onClick={() => setAsk('untag')}>{t('bulk.untag')}</Button>
      <Button size="small" icon={<ListChecks size={14} />} onClick={() => setAsk('add_to_list')}>{t('bulk.add_to_list')}</Button>
      <Button size="small" icon={<Ban size={14} />} onClick={() => void sure('suppress')}>{t('bulk.suppress')}</Button>
      <Button size="small" danger icon={<Trash2 size={14} />} onClick={() => void sure('delete')}>{t('bulk.delete')}</Button>
      {ask === 'add_to_list' && <AskList close={() => setAsk(undefined)} onOk={(list_id) => run('add_to_list', { list_id })} />}
      {(ask === 'tag' || ask === 'untag') && <AskTags act={ask} close={() => setAsk(undefined)} onOk={(tags) => run(ask, { tags })} />}
    </>
  )
}

function AskTags({ act, close, onOk }: { act: 'tag' | 'untag'; close: () => void; onOk: (tags: string[]) => Promise<void> }) {
  const { t } = useTranslation('people')
  const tags = useQuery(tagsQuery)
  const [names, setNames] = useState<string[]>([])
  const [busy, setBusy] = useState(false)
  const ok = async () => {
    setBusy(true)
    await onOk(names)
    close()
  }
  return (
    <Modal open title={t(`bulk.${act}`)} okText={t(`bulk.${act}`)} okButtonProps={{ disabled: names.length === 0 }} confirmLoading={busy} onOk={() => void ok()} onCancel={close} width={440}>
      <Select mode={act === 'tag' ? 'tags' : 'multiple'} autoFocus style={{ width: '100%' }} aria-label={t('field.tags')} placeholder={t('bulk.tag_names')} value={names} onChange={setNames} options={tags.data?.items.map((tag) => ({ value: tag.name, label: tag.name })) ?? []} />
    </Modal>
  )
}

export function AskList({ close, onOk, kind = 'contacts' }: { close: () => void; onOk: (list: string) => Promise<void>; kind?: 'contacts' | 'cases' }) {
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
