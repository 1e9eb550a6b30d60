/** What is done to many contacts at once: tags, lists, the suppression list, deletion. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Button, Modal, Select } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { send } from '@/api/client'
import { finished, tagsQuery, type ContactWish, type PeopleJob } from '@/api/people'
import { Ban, ListChecks, Trash2 } from '@/ui/icons'
import type { Chosen } from '@/ui/table'
import { useConfirm } from '@/ui/useConfirm'
import { useFail } from '@/ui/useFail'
import { useUndo } from '@/ui/useUndo'
import AskList from '../lists/AskList'

type Act = 'tag' | 'untag' | 'add_to_list' | 'suppress' | 'delete'

export default function BulkContacts({ chosen, filter, done }: { chosen: Chosen; filter: ContactWish; done: () => void }) {
  const { t } = useTranslation('people')
  const { message } = App.useApp()
  const client = useQueryClient()
  const confirm = useConfirm()
  const fail = useFail()
  const tell = useUndo()
  const [ask, setAsk] = useState<'tag' | 'untag' | 'add_to_list'>()

  const run = async (act: Act, more: { tags?: string[]; list_id?: string } = {}) => {
    const hide = message.loading(t('bulk.running'), 0)
    try {
      const job = await finished(await send<PeopleJob>('POST', '/api/v1/contacts/bulk', { act, ...(chosen.all ? { filter } : { ids: chosen.ids }), ...more }))
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
