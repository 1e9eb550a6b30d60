import { useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Modal, Radio, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { campaignsQuery, type Campaign } from '@/api/campaigns'
import { api, read } from '@/api/client'
import { Empty } from '@/ui/Empty'
import { ProblemAlert } from '@/ui/Problem'
import { CampaignTag } from '@/ui/status/states'

/** Campaigns whose contacts can come into this one; the others are listed with the reason. */
export default function MergeModal({ campaign, close }: { campaign: Campaign; close: () => void }) {
  const { t } = useTranslation('campaigns')
  const { message } = App.useApp()
  const client = useQueryClient()
  const others = useQuery(campaignsQuery({ limit: 200, sort: 'name' }))
  const [from, setFrom] = useState<string>()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()

  const rows = (others.data?.items ?? [])
    .filter((one) => one.id !== campaign.id && one.state !== 'deleting')
    .map((one) => ({ one, why: whyNotFrom(one, campaign) }))
    .sort((a, b) => Number(a.why !== undefined) - Number(b.why !== undefined))

  const merge = async () => {
    if (from === undefined) return
    setBusy(true)
    try {
      const { moved } = await read(api.POST('/api/v1/campaigns/{id}/merge', { params: { path: { id: campaign.id } }, body: { from } }))
      message.success(t('merge.done', { count: moved }))
      close()
    } catch (refused) {
      setError(refused)
    } finally {
      setBusy(false)
      await client.invalidateQueries({ queryKey: ['campaigns'] })
    }
  }

  return (
    <Modal open title={t('merge.title', { name: campaign.name })} okText={t('merge.ok')} okButtonProps={{ disabled: from === undefined, danger: true }} onOk={() => void merge()} confirmLoading={busy} onCancel={close} width={560}>
      <p className="cw-soft">{t('merge.text')}</p>
      <ProblemAlert error={error ?? others.error} />
      {others.isPending && <Skeleton active title={false} />}
      {others.data && rows.length === 0 && <Empty text={t('merge.none')} />}
      <Radio.Group className="cw-merge" value={from} onChange={(event) => setFrom(event.target.value as string)}>
        {rows.map(({ one, why }) => (
          <Radio key={one.id} value={one.id} disabled={why !== undefined}>
            <span className="cw-line">
              {one.name} <CampaignTag campaign={one} />
              {why !== undefined && <small>{t(`merge.why.${why}`)}</small>}
            </span>
          </Radio>
        ))}
      </Radio.Group>
    </Modal>
  )
}

function whyNotFrom(one: Campaign, into: Campaign): 'assistant' | 'running' | undefined {
  if (one.assistant_id !== into.assistant_id) return 'assistant'
  return one.state === 'in_progress' ? 'running' : undefined
}
