import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { diagnosisQuery, progressQuery, type Campaign } from '@/api/campaigns'
import { moment, number, percent } from '@/ui/format'
import { useLocale } from '@/ui/values'
import { ProgressBar } from '../campaigns/parts/ProgressBar'

/** What runs now, each with what it is doing and how far it is. */
export function RunningCampaigns({ campaigns }: { campaigns: Campaign[] }) {
  return (
    <ul className="cw-running">
      {campaigns.map((campaign) => <Row key={campaign.id} campaign={campaign} />)}
    </ul>
  )
}

function Row({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation('campaigns')
  const locale = useLocale()
  const { data: progress } = useQuery(progressQuery(campaign.id))
  const { data: diagnosis } = useQuery(diagnosisQuery(campaign.id))
  const doing = diagnosis?.activity ? t(`activity.${diagnosis.activity}`) : ''
  const next = diagnosis?.next_at && diagnosis.activity !== 'dialing' ? moment(new Date(diagnosis.next_at), new Date(), locale) : ''
  const calls = progress && progress.in_progress > 0 ? t('line.calls', { count: progress.in_progress, text: number(progress.in_progress, locale) }) : ''
  return (
    <li>
      <div className="cw-cell-two">
        <Link className="cw-row-link" to={`/campaigns/${campaign.id}/overview`}>{campaign.name}</Link>
        <small>{[doing, calls, next].filter(Boolean).join(' · ')}</small>
      </div>
      {progress && (
        <div className="cw-progress">
          <span>{percent(progress.percent_complete / 100, locale)}</span>
          <span>{t('progress.of', { count: progress.total, text: number(progress.total, locale) })}</span>
          <ProgressBar progress={progress} />
        </div>
      )}
    </li>
  )
}
