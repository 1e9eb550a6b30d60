/** `/campaigns/:id` alone: people come first while nothing was dialed, the overview afterwards. */
import { useQuery } from '@tanstack/react-query'
import { Navigate, useParams } from '@tanstack/react-router'
import { campaignQuery } from '@/api/campaigns'
import { PageSkeleton } from '@/app/shell/PageSkeleton'
import { CampaignProblem } from './CampaignProblem'

export default function FirstTab() {
  const { id = '' } = useParams({ strict: false }) as { id?: string }
  const campaign = useQuery(campaignQuery(id))
  if (campaign.error !== null) return <CampaignProblem error={campaign.error} retry={() => void campaign.refetch()} />
  if (campaign.data === undefined) return <PageSkeleton />
  return <Navigate to={`/campaigns/${id}/${campaign.data.state === 'draft' ? 'contacts' : 'overview'}`} replace />
}
