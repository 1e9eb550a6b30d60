/** What a run's own contact hours and the organisation's hours cut off of a day. */
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { callingPolicyQuery } from '@/api/policy'
import { useCan } from '@/api/session'
import type { Shade } from './Lane'
import { OPEN, type Day, type Run } from './runs'
import { shut } from './slots'

export function useShades(): (run: Run, day: Day | undefined) => Shade[] {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const can = useCan()
  const policy = useQuery({ ...callingPolicyQuery, enabled: can('settings:read') }).data
  return (run, day) => {
    const own = shut(run.contact_hours ?? OPEN, []).map((part) => ({ ...part, why: t('when.by_run') }))
    const hours = policy?.contact_hours ? shut(policy.contact_hours, []) : []
    const quiet = (policy?.quiet_hours ?? []).filter((one) => day === undefined || one.days === undefined || one.days === null || one.days.length === 0 || one.days.includes(day))
    const ours = [...hours, ...shut({ start_min: 0, end_min: 1440 }, quiet)].map((part) => ({ ...part, why: t('when.by_organisation') }))
    return [...own, ...ours]
  }
}
