import { App, Button } from 'antd'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { recordingUrl, type CallDetail } from '@/api/calls'
import { IconButton } from '@/ui/IconButton'
import { Download, Link2 } from '@/ui/icons'
import { useReason } from '@/ui/status/states'
import { Duration, PhoneText, TimeText } from '@/ui/values'
import { DirectionIcon, ResultTag } from '../parts'

export function CallHead({ call, name, number, actions }: { call: CallDetail; name: string | undefined; number: string; actions: ReactNode }) {
  const { t } = useTranslation('calls')
  const { message } = App.useApp()
  const reason = useReason()
  const copy = async () => {
    await navigator.clipboard.writeText(new URL(`/calls/${call.id}`, location.href).href)
    message.success(t('head.copied'))
  }
  const shown = number ? <PhoneText number={number} /> : t(call.direction === 'browser' ? 'direction.browser' : 'withheld')
  return (
    <div className="cw-call-head">
      <DirectionIcon direction={call.direction} />
      <h1>{name ?? shown}</h1>
      <ResultTag call={call} />
      <span className="cw-call-facts">
        {name !== undefined && <span>{shown}</span>}
        <TimeText at={call.started_at} />
        {call.answered_at && <Duration ms={call.duration_ms} />}
        <span>{reason(call.reason)}</span>
      </span>
      <span className="cw-actions">
        {call.recording_ms ? <Button size="small" icon={<Download size={14} aria-hidden />} href={recordingUrl(call.id)} download={`${call.id}.${call.recording_format ?? 'wav'}`}>{t('head.download')}</Button> : null}
        {navigator.clipboard !== undefined && <IconButton icon={Link2} label={t('head.copy_link')} onClick={() => void copy()} />}
        {actions}
      </span>
    </div>
  )
}
