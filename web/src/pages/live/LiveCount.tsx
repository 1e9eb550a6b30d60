import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { liveCallsQuery } from '@/api/organisation'

/** How many calls go on, beside the place in the rail. */
export function LiveCount() {
  const { t } = useTranslation()
  const { data } = useQuery({ ...liveCallsQuery, refetchInterval: 15_000 })
  const count = data?.items.length ?? 0
  if (count === 0) return null
  return <span className="cw-rail-badge"><span aria-hidden>{count}</span><span className="cw-hidden">{t('shell.live_count', { count })}</span></span>
}
