/** What a campaign is doing or why it is not, in a few words under its tag. */
import { useTranslation } from 'react-i18next'
import type { Campaign, Diagnosis, Progress } from '@/api/campaigns'
import { moment, number, percent } from '@/ui/format'
import { useLocale } from '@/ui/values'

export function useStatusLine(): (campaign: Campaign, progress: Progress | undefined, diagnosis: Diagnosis | undefined) => string {
  const { t } = useTranslation('campaigns')
  const locale = useLocale()
  const at = (time: string) => moment(new Date(time), new Date(), locale)
  return (campaign, progress, diagnosis) => {
    switch (campaign.state) {
      case 'draft':
        if (campaign.start_failed) return t('line.start_failed')
        return campaign.scheduled_start_at ? t('line.starts', { at: at(campaign.scheduled_start_at) }) : t('line.draft')
      case 'in_progress':
        if (progress === undefined) return ''
        if (progress.in_progress > 0) return t('line.calls', { count: progress.in_progress, text: number(progress.in_progress, locale) })
        if (progress.held_by) return t(`hold.${progress.held_by.code}`, { defaultValue: progress.held_by.reason })
        if (!diagnosis?.activity) return ''
        return [t(`activity.${diagnosis.activity}`), diagnosis.next_at && diagnosis.activity !== 'dialing' ? at(diagnosis.next_at) : ''].filter(Boolean).join(', ')
      case 'paused':
        return campaign.pause_detail ?? t(`pause.${campaign.pause_reason ?? 'user'}`)
      case 'completed':
      case 'cancelled':
        return progress === undefined ? '' : t(`line.${campaign.state}`, { percent: percent(progress.percent_complete / 100, locale), total: number(progress.total, locale) })
      case 'deleting':
        return t('line.deleting')
    }
  }
}
