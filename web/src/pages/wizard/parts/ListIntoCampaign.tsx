/** A list put into a campaign, with what is to be looked at before. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Checkbox, Modal, Select, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Campaign } from '@/api/campaigns'
import { send } from '@/api/client'
import { finished, listsQuery, qualityQuery, type PeopleJob } from '@/api/people'
import { Empty } from '@/ui/Empty'
import { number } from '@/ui/format'
import { ProblemAlert } from '@/ui/Problem'
import { useLocale } from '@/ui/values'
import { QualityFacts } from '../../people/lists/QualityFacts'

export default function ListIntoCampaign({ campaign, close }: { campaign: Campaign; close: () => void }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const { message } = App.useApp()
  const locale = useLocale()
  const client = useQueryClient()
  const [search, setSearch] = useState('')
  const lists = useQuery(listsQuery({ limit: 100, sort: 'name', search }))
  const [chosen, setChosen] = useState<string>()
  const [forApproval, setForApproval] = useState(false)
  const quality = useQuery({ ...qualityQuery(chosen ?? ''), enabled: chosen !== undefined })
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()

  const add = async () => {
    setBusy(true)
    setError(undefined)
    try {
      const { filling } = await send<{ filling: PeopleJob }>('POST', `/api/v1/campaigns/${campaign.id}/lists`, { list_id: chosen, for_approval: forApproval })
      const job = await finished(filling)
      const left = Object.values(job.skipped).reduce((sum, count) => sum + count, 0)
      message.success([t('campaigns:picker.added', { count: job.changed }), left > 0 ? t('who.left_out', { count: left }) : ''].filter(Boolean).join(' '))
      close()
    } catch (refused) {
      setError(refused)
    } finally {
      setBusy(false)
      await client.invalidateQueries({ queryKey: ['campaigns'] })
    }
  }

  return (
    <Modal open title={t('who.list')} okText={t('who.list_ok')} okButtonProps={{ disabled: chosen === undefined }} confirmLoading={busy} onOk={() => void add()} onCancel={close} width={560}>
      <div className="cw-stack cw-tight">
        <ProblemAlert error={error ?? lists.error ?? quality.error} />
        {lists.isPending && <Skeleton active title={false} />}
        {lists.data?.items.length === 0 && search === '' ? <Empty text={t('who.no_list')} /> : (
          <Select
            aria-label={t('who.list')}
            placeholder={t('who.choose_list')}
            showSearch={{ filterOption: false, onSearch: setSearch }}
            value={chosen}
            onChange={setChosen}
            options={lists.data?.items.map((list) => ({ value: list.id, label: `${list.name} (${number(list.members, locale)})` })) ?? []}
          />
        )}
        {quality.data && <QualityFacts quality={quality.data} />}
        {chosen !== undefined && <Checkbox checked={forApproval} onChange={(event) => setForApproval(event.target.checked)}>{t('campaigns:picker.for_approval')}</Checkbox>}
      </div>
    </Modal>
  )
}
