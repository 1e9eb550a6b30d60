/** One campaign: head, pulse, and a tab. */
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { lazy, Suspense, type ComponentType } from 'react'
import { useTranslation } from 'react-i18next'
import { campaignQuery, type Campaign } from '@/api/campaigns'
import { ATTEMPT_KINDS, CAMPAIGN_KINDS, TARGET_KINDS, useFallbackInterval, useLive } from '@/api/live'
import { useCrumbs } from '@/app/crumbs'
import { NotFoundPage } from '@/app/pages/NotFoundPage'
import { PageSkeleton } from '@/app/shell/PageSkeleton'
import { PageTabs } from '@/ui/PageTabs'
import { CampaignProblem } from './CampaignProblem'
import { CampaignPulse } from './CampaignPulse'
import { Head } from './Head'
import { Notices } from './Notices'

type Tab = ComponentType<{ campaign: Campaign }>

const TABS: Record<string, Tab> = {
  overview: lazy(() => import('./overview/OverviewTab')),
  contacts: lazy(() => import('./contacts/ContactsTab')),
  calls: lazy(() => import('./calls/CallsTab')),
  runs: lazy(() => import('./runs/RunsTab')),
  settings: lazy(() => import('./settings/SettingsTab')),
}

export default function DetailPage() {
  const { id = '', tab = '' } = useParams({ strict: false }) as { id?: string; tab?: string }
  const campaign = useQuery({ ...campaignQuery(id), refetchInterval: useFallbackInterval() })
  useLive({ kinds: [...CAMPAIGN_KINDS, ...TARGET_KINDS, ...ATTEMPT_KINDS], campaignId: id })
  if (campaign.error !== null && campaign.data === undefined) return <CampaignProblem error={campaign.error} retry={() => void campaign.refetch()} />
  if (campaign.data === undefined) return <PageSkeleton />
  const Shown = TABS[tab]
  if (Shown === undefined) return <NotFoundPage />
  return <Detail campaign={campaign.data} tab={tab} Shown={Shown} />
}

function Detail({ campaign, tab, Shown }: { campaign: Campaign; tab: string; Shown: Tab }) {
  const { t } = useTranslation('campaigns')
  useCrumbs({ label: t('common:nav.campaigns'), to: '/campaigns' }, { label: campaign.name, to: `/campaigns/${campaign.id}` }, { label: t(`tab.${tab}`) })
  const tabs = Object.keys(TABS).map((name) => ({ to: `/campaigns/${campaign.id}/${name}`, label: t(`tab.${name}`) }))
  return (
    <>
      <Head campaign={campaign} />
      <Notices campaign={campaign} />
      <CampaignPulse campaign={campaign} />
      <PageTabs tabs={tabs} label={t('tab.label')} />
      <Suspense fallback={<PageSkeleton />}>
        <Shown campaign={campaign} />
      </Suspense>
    </>
  )
}
