import { Button, Dropdown, InputNumber, Popover } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Campaign } from '@/api/campaigns'
import type { Schema } from '@/api/client'
import { useCan } from '@/api/session'
import { ChevronDown, CirclePause, Play, RotateCcw, UserMinus } from '@/ui/icons'
import type { Chosen } from '@/ui/table'
import { useConfirm } from '@/ui/useConfirm'
import { useResumeToo } from './resume'
import { useBulk } from './useBulk'

interface Props {
  campaign: Campaign
  chosen: Chosen
  filter: Schema['TargetFilter']
  total: number | undefined
  done: () => void
}

/** What is done to all that are chosen. Who cannot have it done is left out and told. */
export function BulkActions({ campaign, chosen, filter, total, done }: Props) {
  const { t } = useTranslation('campaigns')
  const can = useCan()
  const bulk = useBulk(campaign)
  const confirm = useConfirm()
  const resumeToo = useResumeToo(campaign)
  const [busy, setBusy] = useState<string>()
  const count = chosen.all ? total : chosen.ids.length

  const act = async (what: Schema['BulkAct'], more: Partial<Schema['BulkInput']> = {}) => {
    setBusy(what)
    const did = await bulk({ act: what, ...(chosen.all ? { filter } : { ids: chosen.ids }), ...more })
    setBusy(undefined)
    if (did) done()
  }
  const restart = async () => {
    const start = await resumeToo()
    if (start !== undefined) await act('restart', { start })
  }
  const call = async () => {
    const sure = await confirm({ title: t('bulk.call_title', { count: count ?? 0, context: count === undefined ? 'all' : undefined }), text: t('bulk.call_text'), ok: t('target_act.call') })
    if (sure) await act('call')
  }

  return (
    <>
      <Button size="small" icon={<RotateCcw size={14} />} loading={busy === 'restart'} onClick={() => void restart()}>{t('bulk.restart')}</Button>
      <Button size="small" icon={<CirclePause size={14} />} loading={busy === 'suspend'} onClick={() => void act('suspend')}>{t('target_act.suspend')}</Button>
      <Button size="small" icon={<Play size={14} />} loading={busy === 'resume'} onClick={() => void act('resume')}>{t('target_act.resume')}</Button>
      <Priority set={(priority) => act('priority', { priority })} busy={busy === 'priority'} />
      <Dropdown
        trigger={['click']}
        menu={{
          items: [
            { key: 'approve', label: t('target_act.approve'), onClick: () => void act('approve') },
            { key: 'reject', label: t('target_act.reject'), onClick: () => void act('reject') },
            ...(can('campaigns:control') ? [{ key: 'call', label: t('target_act.call'), onClick: () => void call() }] : []),
          ],
        }}
      >
        <Button size="small" aria-haspopup="menu">{t('common:tabs.more')} <ChevronDown size={14} aria-hidden /></Button>
      </Dropdown>
      <Button size="small" danger icon={<UserMinus size={14} />} loading={busy === 'remove'} onClick={() => void act('remove')}>{t('bulk.remove')}</Button>
    </>
  )
}

function Priority({ set, busy }: { set: (priority: number) => Promise<void>; busy: boolean }) {
  const { t } = useTranslation('campaigns')
  const [open, setOpen] = useState(false)
  const [value, setValue] = useState(0)
  const save = () => {
    setOpen(false)
    void set(value)
  }
  return (
    <Popover
      trigger="click"
      open={open}
      onOpenChange={setOpen}
      content={
        <div className="cw-line">
          <InputNumber aria-label={t('field.priority')} min={-1000} max={1000} value={value} onChange={(next) => setValue(next ?? 0)} onPressEnter={save} />
          <Button type="primary" onClick={save}>{t('common:action.save')}</Button>
          <div className="cw-caption">{t('bulk.priority_hint')}</div>
        </div>
      }
    >
      <Button size="small" loading={busy}>{t('bulk.priority')}</Button>
    </Popover>
  )
}
