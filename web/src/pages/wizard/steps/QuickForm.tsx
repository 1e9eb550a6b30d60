/** The whole campaign on one page; what it leaves out has its defaults and is edited in the steps. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Button, Form, Input, Select } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, send } from '@/api/client'
import { assistantsQuery } from '@/api/organisation'
import { listsQuery } from '@/api/people'
import { asProblem, type Problem } from '@/api/problem'
import { useCan } from '@/api/session'
import { Card } from '@/ui/Card'
import { number } from '@/ui/format'
import { Info, Play, Save } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { useLocale } from '@/ui/values'
import { WhyButton } from '@/ui/WhyButton'
import { missing } from '../draft'
import { DialingFields } from '../parts/DialingFields'
import { ForecastAside } from '../parts/ForecastAside'
import { GuardList } from '../parts/GuardList'
import { useGuards } from '../parts/guards'
import { StartFields } from '../parts/StartFields'
import type { Wizard } from '../useDraft'

export default function QuickForm({ wizard }: { wizard: Wizard }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const locale = useLocale()
  const can = useCan()
  const client = useQueryClient()
  const navigate = useNavigate()
  const { draft, change } = wizard
  const assistants = useQuery(assistantsQuery)
  const lists = useQuery(listsQuery({ limit: 100, sort: 'name' }))
  const [list, setList] = useState<string>()
  const [busy, setBusy] = useState<'create' | 'start'>()
  const [refused, setRefused] = useState<Problem>()
  const { guards } = useGuards(wizard, refused)
  const lacking = [...missing('details', draft, Date.now()), ...missing('assistant', draft, Date.now())]

  const finish = async (start: boolean) => {
    setBusy(start ? 'start' : 'create')
    setRefused(undefined)
    const saved = await wizard.save()
    if (saved === undefined) return setBusy(undefined)
    try {
      if (list !== undefined) await send('POST', `/api/v1/campaigns/${saved.id}/lists`, { list_id: list })
      if (start) await api.POST('/api/v1/campaigns/{id}/start', { params: { path: { id: saved.id } } })
      void navigate({ to: `/campaigns/${saved.id}`, ignoreBlocker: true })
    } catch (problem) {
      setRefused(asProblem(problem))
      // A campaign that has just been made has its own page by now: what is in the way stands on its last step.
      if (wizard.campaign === undefined) void navigate({ to: `/campaigns/${saved.id}/edit`, search: { step: 'review' } as never, ignoreBlocker: true })
    } finally {
      setBusy(undefined)
      await client.invalidateQueries({ queryKey: ['campaigns'] })
    }
  }

  return (
    <>
      <div className="cw-two">
        <Form layout="vertical" component="div" requiredMark={false} className="cw-stack">
          {refused && (refused.errors.length > 0 ? <Card title={t('campaigns:control.start_refused')}><GuardList guards={guards} /></Card> : <ProblemAlert error={refused} />)}
          <Card title={t('quick.title')}>
            <div className="cw-fields">
              <Form.Item label={t('campaigns:field.name')} htmlFor="quick-name"><Input id="quick-name" autoFocus maxLength={200} value={draft.name} onChange={(event) => change({ name: event.target.value })} /></Form.Item>
              <Form.Item label={t('campaigns:field.assistant')} htmlFor="quick-assistant">
                <Select id="quick-assistant" showSearch={{ optionFilterProp: 'label' }} value={draft.assistant_id} loading={assistants.isPending} onChange={(assistant_id) => change({ assistant_id })} options={assistants.data?.items.map((one) => ({ value: one.id, label: one.definition.name }))} />
              </Form.Item>
              <Form.Item label={t('quick.audience')} htmlFor="quick-list" extra={t('quick.audience_hint')}>
                <Select id="quick-list" allowClear showSearch={{ optionFilterProp: 'label' }} placeholder={t('quick.later')} value={list} loading={lists.isPending} onChange={setList} options={lists.data?.items.map((one) => ({ value: one.id, label: `${one.name} (${number(one.members, locale)})` }))} />
              </Form.Item>
            </div>
            <StartFields wizard={wizard} />
          </Card>
          <Card title={t('campaigns:settings.dialing')}>
            <DialingFields wizard={wizard} />
            <p className="cw-hint-line"><Info size={15} aria-hidden /> {t('dialing.hint')}</p>
          </Card>
          <p className="cw-soft">{t('quick.defaults')}</p>
        </Form>
        <ForecastAside wizard={wizard} />
      </div>
      <div className="cw-wizard-foot">
        <span className="cw-end" />
        {lacking.length > 0 && <span className="cw-caption" role="status">{t('lacking', { what: lacking.map((one) => t(`missing.${one}`)).join(', ') })}</span>}
        <Button icon={<Save size={15} />} loading={busy === 'create'} disabled={lacking.length > 0} onClick={() => void finish(false)}>{t('review.create')}</Button>
        <WhyButton type="primary" icon={<Play size={15} />} loading={busy === 'start'} why={!can('campaigns:control') ? t('campaigns:why.right') : lacking.length > 0 ? t('lacking', { what: lacking.map((one) => t(`missing.${one}`)).join(', ') }) : undefined} onClick={() => void finish(true)}>{t('review.start')}</WhyButton>
      </div>
    </>
  )
}
