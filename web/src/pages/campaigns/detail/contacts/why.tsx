/** Why a contact stands where it does, for the tooltip of its state. */
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Campaign, Target } from '@/api/campaigns'
import { exact } from '@/ui/format'
import { useBlockedReason, useReason } from '@/ui/status/states'
import { useLocale } from '@/ui/values'

export function useWhyState(campaign: Campaign): (target: Target) => ReactNode {
  const { t } = useTranslation('campaigns')
  const locale = useLocale()
  const reason = useReason()
  const blocked = useBlockedReason()
  const at = (time: string) => exact(new Date(time), locale)
  return (target) => {
    const lines: string[] = []
    if (target.hold) lines.push(t(`target.hold_${target.hold}`))
    if (target.callback_at && target.state === 'callback') {
      if (target.callback_asked_at && target.callback_asked_at !== target.callback_at) lines.push(t('target.asked', { at: at(target.callback_asked_at) }))
      lines.push(t('target.planned', { at: at(target.callback_at) }))
    }
    if (target.callback_missed_at) lines.push(t('target.missed', { at: at(target.callback_missed_at) }))
    if (target.state === 'blocked' && target.blocked_reason) lines.push(blocked(target.blocked_reason), t('target.blocked_back'))
    if (target.state === 'failed' && target.last_reason) lines.push(reason(target.last_reason))
    if (target.state === 'expired') lines.push(t('target.expired_back', { end: campaign.schedule.period_end ?? '' }))
    if (target.state === 'new') lines.push(t('target.new'))
    return lines.length === 0 ? undefined : lines.map((line) => <div key={line}>{line}</div>)
  }
}
