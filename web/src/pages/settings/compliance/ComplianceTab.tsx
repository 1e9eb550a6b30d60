/** Rules that hold for all campaigns, whatever they set themselves. */
import { useQuery } from '@tanstack/react-query'
import { Skeleton } from 'antd'
import { lazy, Suspense } from 'react'
import { callingPolicyQuery } from '@/api/policy'
import { ProblemAlert } from '@/ui/Problem'

const PolicyForm = lazy(() => import('./PolicyForm'))

export default function ComplianceTab() {
  const policy = useQuery(callingPolicyQuery)
  return (
    <div className="cw-settings">
      <ProblemAlert error={policy.error} retry={() => void policy.refetch()} />
      {policy.isPending && <Skeleton active />}
      <Suspense fallback={<Skeleton active />}>{policy.data && <PolicyForm key={JSON.stringify(policy.data)} policy={policy.data} />}</Suspense>
    </div>
  )
}
