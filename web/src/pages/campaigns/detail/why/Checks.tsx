/** What does not hold the campaign, with its values: whoever looks for the reason sees what has been looked at. */
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { Campaign, Hold, Progress } from '@/api/campaigns'
import { limitsQuery, trunksQuery, usageQuery } from '@/api/organisation'
import { useCan } from '@/api/session'
import { number } from '@/ui/format'
import { Check } from '@/ui/icons'
import { useLocale } from '@/ui/values'

export function Checks({ campaign, holds, progress }: { campaign: Campaign; holds: Hold[]; progress: Progress | undefined }) {
  const { t } = useTranslation('campaigns')
  const locale = useLocale()
  const enabled = useCan()('settings:read')
  const { data: limits } = useQuery({ ...limitsQuery, enabled })
  const { data: usage } = useQuery({ ...usageQuery, enabled })
  const { data: trunks } = useQuery({ ...trunksQuery, enabled })
  const trunk = trunks?.items.find((one) => one.id === campaign.trunk_id)
  const held = (...codes: string[]) => holds.some((hold) => codes.includes(hold.code))

  const good = [
    campaign.state === 'in_progress' && t('check.running'),
    limits?.max_active_campaigns && usage && !held('plan_active_limit') && t('check.active', { now: usage.active_campaigns, most: limits.max_active_campaigns }),
    usage?.minutes_left != null && !held('quota_minutes') && t('check.minutes', { left: number(usage.minutes_left, locale) }),
    progress && !held('campaign_concurrency') && t('check.calls', { now: number(progress.in_progress, locale), most: number(campaign.settings.max_concurrent_calls ?? 0, locale) }),
    trunk?.enabled && trunk.breaker.state === 'closed' && !held('trunk_breaker', 'trunk_down', 'trunk_unusable') && t('check.trunk', { name: trunk.name }),
    !held('vendor') && campaign.state === 'in_progress' && t('check.providers'),
  ].filter((line): line is string => typeof line === 'string')
  if (good.length === 0) return null
  return (
    <section>
      <h3>{t('check.title')}</h3>
      <ul className="cw-checks">
        {good.map((line) => <li key={line}><Check size={15} aria-hidden />{line}</li>)}
      </ul>
    </section>
  )
}
