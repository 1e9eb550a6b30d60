import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense } from 'react'
import { Trans, useTranslation } from 'react-i18next'
import { diagnosisQuery, progressQuery, type Campaign, type Diagnosis } from '@/api/campaigns'
import { useFallbackInterval } from '@/api/live'
import { useSearch } from '@/app/search-params'
import type { StatusTone } from '@/theme'
import { moment, number } from '@/ui/format'
import { Pulse } from '@/ui/Pulse'
import { campaignStatus } from '@/ui/status/states'
import { useLocale } from '@/ui/values'

const WhyDrawer = lazy(() => import('./why/WhyDrawer'))

/** What the campaign does, what holds it, when it goes on. The answer to "why?" is one click away. */
export function CampaignPulse({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation('campaigns')
  const locale = useLocale()
  const [search, patch] = useSearch()
  const refetchInterval = useFallbackInterval()
  const { data: diagnosis } = useQuery({ ...diagnosisQuery(campaign.id), refetchInterval })
  const { data: progress } = useQuery({ ...progressQuery(campaign.id), refetchInterval })
  const running = campaign.state === 'in_progress'
  const hold = diagnosis?.holds[0]
  const bold = <strong />

  const facts = [
    progress && (running || progress.in_progress > 0) && (
      <Trans t={t} i18nKey="pulse.calls" values={{ now: number(progress.in_progress, locale), most: number(campaign.settings.max_concurrent_calls ?? 0, locale) }} components={{ b: bold }} />
    ),
    running && <Trans t={t} i18nKey="pulse.pace" values={{ pace: number(campaign.settings.calls_per_minute ?? 0, locale) }} components={{ b: bold }} />,
    progress && progress.pending > 0 && <Trans t={t} i18nKey="pulse.pending" values={{ count: progress.pending, text: number(progress.pending, locale) }} components={{ b: bold }} />,
    diagnosis?.next_at && diagnosis.activity !== 'dialing' && <Trans t={t} i18nKey={running ? 'pulse.next' : 'pulse.starts'} values={{ at: moment(new Date(diagnosis.next_at), new Date(), locale) }} components={{ b: bold }} />,
    hold && diagnosis?.activity !== 'dialing' && t(`hold.${hold.code}`, { defaultValue: hold.reason }),
  ]
  return (
    <>
      <Pulse
        tone={toneOf(campaign, diagnosis)}
        now={t(running && diagnosis?.activity ? `activity.${diagnosis.activity}` : `common:state.campaign.${campaignStatus(campaign)}`)}
        facts={facts}
        action={<button type="button" className="cw-link" aria-haspopup="dialog" onClick={() => patch({ why: '1' })}>{t(running && diagnosis?.activity === 'dialing' ? 'pulse.why_speed' : 'pulse.why')}</button>}
      />
      <Suspense>{search.why === '1' && <WhyDrawer campaign={campaign} close={() => patch({ why: undefined })} />}</Suspense>
    </>
  )
}

function toneOf(campaign: Campaign, diagnosis: Diagnosis | undefined): StatusTone {
  if (campaign.state === 'in_progress') return diagnosis?.activity === 'waiting_person' ? 'partial' : diagnosis?.activity === 'dialing' ? 'live' : 'waiting'
  const status = campaignStatus(campaign)
  if (status === 'suspended') return 'partial'
  if (status === 'scheduled') return 'new'
  return campaign.state === 'completed' ? 'success' : 'waiting'
}
