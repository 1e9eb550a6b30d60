/** A file of contacts that go into the campaign as soon as they are there. */
import { useQueryClient } from '@tanstack/react-query'
import { App } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Campaign } from '@/api/campaigns'
import { api, read } from '@/api/client'
import ImportModal from '../../people/imports/ImportModal'

/** Contacts that one request may name. */
const AT_ONCE = 10_000

export default function ImportIntoCampaign({ campaign, close }: { campaign: Campaign; close: () => void }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const { message } = App.useApp()
  const client = useQueryClient()
  const add = async (ids: string[]) => {
    let added = 0
    for (let from = 0; from < ids.length; from += AT_ONCE) {
      const report = await read(api.POST('/api/v1/campaigns/{id}/contacts', { params: { path: { id: campaign.id } }, body: { contact_ids: ids.slice(from, from + AT_ONCE) } }))
      added += report.added
    }
    message.success(t('campaigns:picker.added', { count: added }))
    await client.invalidateQueries({ queryKey: ['campaigns'] })
  }
  return <ImportModal close={close} onMade={add} />
}
