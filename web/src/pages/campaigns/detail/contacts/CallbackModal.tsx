import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Form, Modal, Select, Skeleton } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Campaign, Target } from '@/api/campaigns'
import { api, read } from '@/api/client'
import { date, time } from '@/ui/format'
import { ProblemAlert } from '@/ui/Problem'
import { useLocale } from '@/ui/values'
import { offers } from './offers'

const DAYS = 7

/** A time for a callback: only those at which the contact may be called are offered. */
export default function CallbackModal({ campaign, target, close }: { campaign: Campaign; target: Target; close: () => void }) {
  const { t } = useTranslation('campaigns')
  const locale = useLocale()
  const client = useQueryClient()
  const hours = useQuery({
    queryKey: ['campaigns', 'hours', campaign.id, target.contact_id],
    queryFn: () => read(api.GET('/api/v1/campaigns/{id}/calling-hours', { params: { path: { id: campaign.id }, query: { contact: target.contact_id, days: DAYS } } })),
  })
  const times = offers(hours.data?.windows ?? [], Date.now())
  const days = [...new Map(times.map((at) => [at.toDateString(), at])).values()]
  const [day, setDay] = useState<string>()
  const [at, setAt] = useState<string>()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()

  const save = async () => {
    if (at === undefined) return
    setBusy(true)
    try {
      await api.PUT('/api/v1/targets/{id}/callback', { params: { path: { id: target.id } }, body: { at } })
      close()
    } catch (refused) {
      setError(refused)
    } finally {
      setBusy(false)
      await client.invalidateQueries({ queryKey: ['campaigns', 'targets', campaign.id] })
    }
  }

  return (
    <Modal open title={t('callback.title', { name: target.name || target.phone })} okText={t('common:action.save')} okButtonProps={{ disabled: at === undefined }} onOk={() => void save()} confirmLoading={busy} onCancel={close} width={440}>
      <ProblemAlert error={error ?? hours.error} retry={hours.error ? () => void hours.refetch() : undefined} />
      {hours.isPending && <Skeleton active title={false} />}
      {hours.data && times.length === 0 && <p>{t('callback.none', { count: DAYS })}</p>}
      {times.length > 0 && (
        <Form layout="vertical">
          <p className="cw-soft">{t('callback.text', { zone: hours.data!.time_zones.join(', ') })}</p>
          <Form.Item label={t('callback.day')} htmlFor="callback-day">
            <Select id="callback-day" value={day} onChange={(next: string) => { setDay(next); setAt(undefined) }} options={days.map((one) => ({ value: one.toDateString(), label: date(one, locale) }))} />
          </Form.Item>
          <Form.Item label={t('callback.time')} htmlFor="callback-time">
            <Select id="callback-time" disabled={day === undefined} value={at} onChange={setAt} options={times.filter((one) => one.toDateString() === day).map((one) => ({ value: one.toISOString(), label: time(one, locale) }))} />
          </Form.Item>
        </Form>
      )}
    </Modal>
  )
}
