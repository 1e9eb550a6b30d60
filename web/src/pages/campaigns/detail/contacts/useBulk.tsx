/** One act on some or many contacts: sends it, follows it to its end, says what came of it, and takes it back on demand. */
import { useQueryClient } from '@tanstack/react-query'
import { App } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Campaign } from '@/api/campaigns'
import { api, read, type Schema } from '@/api/client'
import { useFail } from '@/ui/useFail'
import { useUndo } from '@/ui/useUndo'

type Bulk = Schema['BulkView']

/** Milliseconds between two looks at one that goes on. */
const LOOK = 1_000

export function useBulk(campaign: Campaign): (input: Schema['BulkInput']) => Promise<Bulk | undefined> {
  const { t } = useTranslation('campaigns')
  const { message } = App.useApp()
  const client = useQueryClient()
  const undo = useUndo()
  const fail = useFail()
  const renew = () => Promise.all(['targets', 'progress', 'diagnosis', 'one'].map((part) => client.invalidateQueries({ queryKey: ['campaigns', part, campaign.id] })))

  const follow = async (bulk: Bulk): Promise<Bulk> => {
    let now = bulk
    while (now.state === 'running' || now.state === 'undoing') {
      message.open({ key: bulk.id, type: 'loading', content: t('bulk.running', { seen: now.seen, all: now.seen + now.left }), duration: 0 })
      await new Promise((next) => setTimeout(next, LOOK))
      now = await read(api.GET('/api/v1/bulk/{id}', { params: { path: { id: bulk.id } } }))
    }
    message.destroy(bulk.id)
    return now
  }
  const takeBack = async (id: string) => {
    await follow(await read(api.POST('/api/v1/bulk/{id}/undo', { params: { path: { id } } })))
    await renew()
  }

  return async (input) => {
    try {
      const done = await follow(await read(api.POST('/api/v1/campaigns/{id}/contacts/bulk', { params: { path: { id: campaign.id } }, body: input })))
      const skipped = done.outcomes.filter(({ outcome }) => outcome !== 'changed')
      undo({
        title: t(`bulk.did.${input.act}`, { count: done.changed }),
        text: skipped.length > 0 && (
          <ul className="cw-plain">
            {skipped.map(({ outcome, reason, contacts }) => (
              <li key={outcome + reason}>{t('bulk.skipped', { count: contacts, why: t(`outcome.${outcome}`, { reason: reason ? t(`common:blocked.${reason}`, { defaultValue: reason }) : '' }) })}</li>
            ))}
          </ul>
        ),
        ...(done.undo_until && done.changed > 0 ? { undo: () => takeBack(done.id) } : {}),
      })
      return done
    } catch (error) {
      fail(error)
      return undefined
    } finally {
      await renew()
    }
  }
}
