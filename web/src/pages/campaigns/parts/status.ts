/** What a campaign is doing or why it is not, in a few words under its tag. */
import { useTranslation } from 'react-i18next'
import type { Campaign, Progress } from '@/api/campaigns'
import { moment, number, percent } from '@/ui/format'
import { useLocale } from '@/ui/values'

export function useStatusLine(): (campaign: Campaign, progress: Progress | undefined) => string {
  const { t } = useTranslation('campaigns')
  const locale = useLocale()
  return (campaign, progress) => {
    switch (campaign.state) {
      case 'draft':
        if (campaign.start_failed) return t('line.start_failed')
        return campaign.scheduled_start_at ? t('line.starts', { at: moment(new Date(campaign.scheduled_start_at), new Date(), locale) }) : t('line.draft')
      case 'in_progress':
        if (progress === undefined) return ''
        if (progress.in_progress > 0) return t('line.calls', { count: progress.in_progress, text: number(progress.in_progress, locale) })
        return progress.held_by ? t(`hold.${progress.held_by.code}`, { defaultValue: progress.held_by.reason }) : t('line.waits')
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
