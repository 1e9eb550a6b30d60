/** Run now, hold or let go on, and the rest, for one contact. Everything goes the way of the many, so that it can be undone. */
import { useQueryClient } from '@tanstack/react-query'
import { App, Dropdown, type MenuProps } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Campaign, Target } from '@/api/campaigns'
import { api } from '@/api/client'
import { useCan } from '@/api/session'
import { IconButton } from '@/ui/IconButton'
import { CirclePause, Ellipsis, PhoneOutgoing, Play } from '@/ui/icons'
import { useFail } from '@/ui/useFail'
import { may, mayCallBack, type TargetAct } from './rules'
import { useResumeToo } from './resume'
import { useBulk } from './useBulk'

const CallbackModal = lazy(() => import('./CallbackModal'))

export function TargetActions({ campaign, target }: { campaign: Campaign; target: Target }) {
  const { t } = useTranslation('campaigns')
  const { message } = App.useApp()
  const can = useCan()
  const client = useQueryClient()
  const bulk = useBulk(campaign)
  const fail = useFail()
  const resumeToo = useResumeToo(campaign)
  const [planning, setPlanning] = useState(false)
  const [busy, setBusy] = useState(false)
  if (!can('campaigns:write') && !can('campaigns:control')) return null

  const held = target.state === 'suspended' || Boolean(target.hold)
  const why = (act: TargetAct) => {
    if (!can(act === 'call' ? 'campaigns:control' : 'campaigns:write')) return t('why.right')
    if (act === 'call' && campaign.state !== 'in_progress') return t('target.why_not_running')
    return may(act, target) ? undefined : t('target.why_state', { state: t(`common:state.target.${target.state}`) })
  }
  const act = (what: TargetAct) => bulk({ act: what, ids: [target.id] })
  const restart = async () => {
    const start = await resumeToo()
    if (start !== undefined) await bulk({ act: 'restart', ids: [target.id], start })
  }
  const call = async () => {
    setBusy(true)
    try {
      await api.POST('/api/v1/campaigns/{id}/call', { params: { path: { id: campaign.id } }, body: { contact_id: target.contact_id } })
      message.success(t('target.called', { name: target.name || target.phone }))
    } catch (error) {
      fail(error)
    } finally {
      setBusy(false)
      await client.invalidateQueries({ queryKey: ['campaigns', 'targets', campaign.id] })
    }
  }
  const dropCallback = async () => {
    try {
      await api.DELETE('/api/v1/targets/{id}/callback', { params: { path: { id: target.id } } })
    } catch (error) {
      fail(error)
    } finally {
      await client.invalidateQueries({ queryKey: ['campaigns', 'targets', campaign.id] })
    }
  }
  const entry = (what: TargetAct, run: () => void, danger = false) => (may(what, target) ? [{ key: what, label: t(`target_act.${what}`), danger, onClick: run }] : [])
  const items: MenuProps['items'] = can('campaigns:write')
    ? [
        ...entry('approve', () => void act('approve')),
        ...entry('reject', () => void act('reject')),
        ...entry('restart', () => void restart()),
        ...(mayCallBack(target.state) ? [{ key: 'callback', label: t(target.state === 'callback' ? 'target_act.move_callback' : 'target_act.set_callback'), onClick: () => setPlanning(true) }] : []),
        ...(target.state === 'callback' ? [{ key: 'drop', label: t('target_act.drop_callback'), onClick: () => void dropCallback() }] : []),
        ...entry('remove', () => void act('remove'), true),
      ]
    : []

  return (
    <span className="cw-buttons">
      <IconButton icon={PhoneOutgoing} label={t('target_act.call')} why={why('call')} loading={busy} onClick={() => void call()} />
      <IconButton icon={held ? Play : CirclePause} label={t(held ? 'target_act.resume' : 'target_act.suspend')} why={why(held ? 'resume' : 'suspend')} onClick={() => void act(held ? 'resume' : 'suspend')} />
      {items.length > 0 && (
        <Dropdown menu={{ items }} trigger={['click']} placement="bottomRight">
          <IconButton icon={Ellipsis} label={t('common:action.more')} aria-haspopup="menu" />
        </Dropdown>
      )}
      <Suspense>{planning && <CallbackModal campaign={campaign} target={target} close={() => setPlanning(false)} />}</Suspense>
    </span>
  )
}
