/** How much the organisation may dial, and how much it has. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Button, Form, InputNumber, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, type Schema } from '@/api/client'
import { limitsQuery, usageQuery } from '@/api/organisation'
import { useCan } from '@/api/session'
import { Card } from '@/ui/Card'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'
import { number } from '@/ui/format'
import { ProblemAlert } from '@/ui/Problem'
import { Stat, Stats } from '@/ui/Stat'
import { NumberText, useLocale } from '@/ui/values'

type Limits = Schema['OrganisationLimits']

const FIELDS = [
  ['calls_per_minute', 1, 1_000_000, true],
  ['max_concurrent_calls', 1, 1_000_000, true],
  ['max_active_campaigns', 0, 1_000_000, false],
  ['minutes_per_month', 0, 1_000_000_000, false],
] as const

export default function PlanTab() {
  const limits = useQuery(limitsQuery)
  return (
    <div className="cw-settings">
      <Usage limits={limits.data} />
      <ProblemAlert error={limits.error} retry={() => void limits.refetch()} />
      {limits.isPending && <Skeleton active />}
      {limits.data && <LimitsForm key={JSON.stringify(limits.data)} limits={limits.data} />}
    </div>
  )
}

function Usage({ limits }: { limits: Limits | undefined }) {
  const { t } = useTranslation('settings')
  const locale = useLocale()
  const usage = useQuery({ ...usageQuery, refetchInterval: 60_000 })
  if (usage.error) return <ProblemAlert error={usage.error} retry={() => void usage.refetch()} />
  if (usage.data === undefined) return null
  const { minutes_this_month: minutes, minutes_left: left, active_campaigns: active } = usage.data
  const of = (most: number | null | undefined) => (most == null ? t('plan.no_limit') : t('plan.of', { most: number(most, locale) }))
  return (
    <Stats>
      <Stat label={t('plan.active')} value={<NumberText value={active} />} note={of(limits?.max_active_campaigns)} />
      <Stat label={t('plan.minutes')} hint={t('plan.minutes_hint')} value={<NumberText value={Math.round(minutes)} />} note={of(limits?.minutes_per_month)} />
      <Stat label={t('plan.left')} value={left == null ? t('plan.unlimited') : <NumberText value={Math.floor(left)} />} />
    </Stats>
  )
}

function LimitsForm({ limits }: { limits: Limits }) {
  const { t } = useTranslation('settings')
  const { message } = App.useApp()
  const can = useCan()
  const client = useQueryClient()
  const [form] = Form.useForm<Limits>()
  const errors = useFormErrors(form)
  const [busy, setBusy] = useState(false)
  const writes = can('settings:write')
  const save = async (body: Limits) => {
    setBusy(true)
    try {
      await api.PUT('/api/v1/organisation/limits', { body })
      message.success(t('saved'))
      await client.invalidateQueries({ queryKey: ['organisation'] })
    } catch (error) {
      errors.take(error)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Card title={t('plan.limits')}>
      <p className="cw-soft">{t('plan.text')}</p>
      <FormErrors errors={errors} />
      <Form<Limits> form={form} layout="vertical" requiredMark={false} disabled={!writes} initialValues={limits} onFinish={(body) => void save(body)}>
        <div className="cw-fields">
          {FIELDS.map(([name, min, max, required]) => (
            <Form.Item key={name} name={name} label={t(`plan.${name}`)} extra={t(`plan.about.${name}`)} rules={required ? [{ required: true, message: t('common:form.required') }] : []}>
              <InputNumber min={min} max={max} precision={0} placeholder={required ? '' : t('plan.no_limit')} style={{ width: '100%' }} />
            </Form.Item>
          ))}
        </div>
        {writes && <div className="cw-form-foot"><Button type="primary" htmlType="submit" loading={busy}>{t('common:action.save')}</Button></div>}
      </Form>
    </Card>
  )
}
