/** What a call shows of itself wherever it is listed. */
import { useQuery } from '@tanstack/react-query'
import { Tooltip } from 'antd'
import { useTranslation } from 'react-i18next'
import { contactQuery, type Call } from '@/api/calls'
import { useCan } from '@/api/session'
import type { StatusTone } from '@/theme'
import { Check, Globe, PhoneForwarded, PhoneIncoming, PhoneMissed, PhoneOutgoing, Voicemail, type Icon } from '@/ui/icons'
import { StatusTag } from '@/ui/status/StatusTag'

/** The number of the far side; empty where it did not want to be known. */
export function farSide(call: Pick<Call, 'direction' | 'from' | 'to'>): string {
  return call.direction === 'outbound' ? call.to : call.from
}

/** The contact's name; `undefined` while it is read, where there is no contact, and without the right to see it. */
export function useContactName(id: string | null | undefined): string | undefined {
  const can = useCan()
  const { data } = useQuery({ ...contactQuery(id ?? ''), enabled: Boolean(id) && can('contacts:read') })
  return data?.name
}

export type Result = 'answered' | 'voicemail' | 'transferred' | 'unanswered'

export function resultOf(call: Pick<Call, 'answered_at' | 'answered_by' | 'transfer'>): Result {
  if (call.transfer) return 'transferred'
  if (!call.answered_at) return 'unanswered'
  return call.answered_by === 'voicemail' ? 'voicemail' : 'answered'
}

const LOOK: Record<Result, readonly [StatusTone, Icon]> = {
  answered: ['success', Check],
  voicemail: ['waiting', Voicemail],
  transferred: ['success', PhoneForwarded],
  unanswered: ['waiting', PhoneMissed],
}

export function ResultTag({ call }: { call: Pick<Call, 'answered_at' | 'answered_by' | 'transfer'> }) {
  const { t } = useTranslation('calls')
  const result = resultOf(call)
  const [tone, icon] = LOOK[result]
  return <StatusTag tone={tone} icon={icon}>{t(`result.${result}`)}</StatusTag>
}

const WAY: Record<Call['direction'], Icon> = { outbound: PhoneOutgoing, inbound: PhoneIncoming, browser: Globe }

export function DirectionIcon({ direction }: { direction: Call['direction'] }) {
  const { t } = useTranslation('calls')
  const Icon = WAY[direction]
  return (
    <Tooltip title={t(`direction.${direction}`)}>
      <span className="cw-direction" data-direction={direction} role="img" aria-label={t(`direction.${direction}`)}><Icon size={16} strokeWidth={1.75} aria-hidden /></span>
    </Tooltip>
  )
}
