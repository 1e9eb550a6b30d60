/** Start, pause and the rest, with their questions. Each answers when the campaign has been read anew. */
import { useQueryClient } from '@tanstack/react-query'
import { App } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Campaign } from '@/api/campaigns'
import { api, read } from '@/api/client'
import { asProblem } from '@/api/problem'
import { useConfirm } from '@/ui/useConfirm'
import { useFail } from '@/ui/useFail'

export function useControl() {
  const { t } = useTranslation('campaigns')
  const { modal, message } = App.useApp()
  const client = useQueryClient()
  const confirm = useConfirm()
  const fail = useFail()
  const at = (campaign: Campaign) => ({ params: { path: { id: campaign.id } } })
  const renew = () => Promise.all([client.invalidateQueries({ queryKey: ['campaigns'] }), client.invalidateQueries({ queryKey: ['organisation'] })])

  /** What does not hold for a start is told all at once. */
  const refused = (error: unknown, title: string) => {
    const problem = asProblem(error)
    if (problem.errors.length === 0) return fail(error)
    modal.error({
      title,
      width: 520,
      content: <ul className="cw-guards">{problem.errors.map((fault) => <li key={fault.code + fault.pointer}>{t(`guard.${fault.code}`, { defaultValue: fault.reason })}</li>)}</ul>,
      okText: t('common:action.close'),
    })
  }
  const run = async (work: () => Promise<unknown>, done: string, title = '') => {
    try {
      await work()
      message.success(done)
      return true
    } catch (error) {
      refused(error, title)
      return false
    } finally {
      await renew()
    }
  }

  return {
    start: (campaign: Campaign) => run(() => api.POST('/api/v1/campaigns/{id}/start', at(campaign)), t('did.start', { name: campaign.name }), t('control.start_refused')),
    resume: (campaign: Campaign) => run(() => api.POST('/api/v1/campaigns/{id}/resume', at(campaign)), t('did.resume', { name: campaign.name }), t('control.start_refused')),
    pause: (campaign: Campaign) => run(() => api.POST('/api/v1/campaigns/{id}/pause', at(campaign)), t('did.pause', { name: campaign.name })),
    async cancel(campaign: Campaign) {
      const sure = await confirm({ title: t('control.cancel_title', { name: campaign.name }), text: t('control.cancel_text'), ok: t('act.cancel'), danger: true })
      if (sure) await run(() => api.POST('/api/v1/campaigns/{id}/cancel', at(campaign)), t('did.cancel', { name: campaign.name }))
    },
    /** Nothing new at once; ending the calls that go on takes a second answer. */
    async stop(campaign: Campaign) {
      let live = 0
      const stopped = await run(async () => {
        const answer = await read(api.POST('/api/v1/campaigns/{id}/stop', { ...at(campaign), body: { end_calls: false } }))
        live = answer.live_calls
      }, t('did.stop', { name: campaign.name }))
      if (!stopped || live === 0) return
      const sure = await confirm({ title: t('control.stop_title', { count: live }), text: t('control.stop_text'), ok: t('control.stop_ok', { count: live }), danger: true })
      if (sure) await run(() => api.POST('/api/v1/campaigns/{id}/stop', { ...at(campaign), body: { end_calls: true } }), t('did.ended'))
    },
    /** Answers whether it is going away. A campaign that was called through has its name typed. */
    async remove(campaign: Campaign) {
      const touched = campaign.state !== 'draft'
      const sure = await confirm({
        title: t('control.delete_title', { name: campaign.name }),
        text: t(touched ? 'control.delete_text' : 'control.delete_draft'),
        ok: t('act.delete'),
        danger: true,
        ...(touched ? { typed: campaign.name } : {}),
      })
      if (!sure) return false
      return run(() => api.DELETE('/api/v1/campaigns/{id}', at(campaign)), t('did.delete', { name: campaign.name }))
    },
  }
}
