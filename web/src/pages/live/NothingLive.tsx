/** Nothing goes on: which campaigns run, when each dials next and what holds it. */
import { useQueries, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { campaignsQuery, diagnosisQuery, type Diagnosis } from '@/api/campaigns'
import { useCan } from '@/api/session'
import { moment } from '@/ui/format'
import { useLocale } from '@/ui/values'

/** Campaigns that are told of; the list of campaigns has them all. */
const MOST = 5

export function NothingLive() {
  const { t } = useTranslation(['live', 'campaigns'])
  const locale = useLocale()
  const allowed = useCan()('campaigns:read')
  const running = useQuery({ ...campaignsQuery({ state: ['in_progress'], sort: '-started_at', limit: MOST }), enabled: allowed, refetchInterval: 30_000 })
  const campaigns = running.data?.items ?? []
  const diagnoses = useQueries({ queries: campaigns.map((campaign) => ({ ...diagnosisQuery(campaign.id), refetchInterval: 30_000 })) })
  const why = (diagnosis: Diagnosis | undefined) => {
    if (diagnosis === undefined) return ''
    const [first] = diagnosis.holds
    const next = diagnosis.next_at ? t('nothing.next', { at: moment(new Date(diagnosis.next_at), new Date(), locale) }) : ''
    return [next, first && t(`campaigns:hold.${first.code}`, { defaultValue: first.reason })].filter(Boolean).join(' · ')
  }
  if (!allowed || running.data === undefined) return t('nothing.title')
  if (campaigns.length === 0) return <>{t('nothing.title')}<br />{t('nothing.none')} <Link to="/campaigns" className="cw-link">{t('nothing.campaigns')}</Link></>
  return (
    <>
      {t('nothing.title')}
      <span className="cw-nothing-live">
        {campaigns.map((campaign, index) => (
          <span key={campaign.id}><Link to={`/campaigns/${campaign.id}`} className="cw-link">{campaign.name}</Link><small>{why(diagnoses[index]?.data)}</small></span>
        ))}
      </span>
    </>
  )
}
