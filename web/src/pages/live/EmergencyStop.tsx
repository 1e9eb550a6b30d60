/** Stops everything that dials. Live calls go on, unless a second question says that they end as well. */
import { useQueryClient } from '@tanstack/react-query'
import { App, Button } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, read } from '@/api/client'
import { OctagonX } from '@/ui/icons'
import { useConfirm } from '@/ui/useConfirm'
import { useFail } from '@/ui/useFail'

export function EmergencyStop() {
  const { t } = useTranslation('live')
  const { message } = App.useApp()
  const client = useQueryClient()
  const confirm = useConfirm()
  const fail = useFail()
  const [busy, setBusy] = useState(false)
  const send = (end_calls: boolean) => read(api.POST('/api/v1/emergency-stop', { body: { end_calls } }))

  const stop = async () => {
    if (!(await confirm({ title: t('stop.title'), text: t('stop.text'), ok: t('stop.ok'), danger: true }))) return
    setBusy(true)
    try {
      const stopped = await send(false)
      message.info(t('stop.done', { count: stopped.campaigns.length }))
      void client.invalidateQueries({ queryKey: ['campaigns'] })
      if (stopped.live_calls > 0 && (await confirm({ title: t('stop.end_title', { count: stopped.live_calls }), text: t('stop.end_text'), ok: t('stop.end_ok'), danger: true }))) await send(true)
      void client.invalidateQueries({ queryKey: ['calls', 'live'] })
    } catch (error) {
      fail(error)
    } finally {
      setBusy(false)
    }
  }
  return <Button danger loading={busy} icon={<OctagonX size={16} strokeWidth={1.75} aria-hidden />} onClick={() => void stop()}>{t('stop.button')}</Button>
}
