/** Only what a person must do, each with the way to it. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { campaignsQuery } from '@/api/campaigns'
import { useFallbackInterval } from '@/api/live'
import { providersQuery, trunksQuery } from '@/api/organisation'
import { useCan } from '@/api/session'
import { Card } from '@/ui/Card'
import { Cable, Megaphone, PhoneForwarded, type Icon } from '@/ui/icons'
import { exists } from '../exists'

interface Thing {
  key: string
  icon: Icon
  to: string | undefined
  title: string
  why: string
}

export function NeedsYou() {
  const { t } = useTranslation('home')
  const things = useThings()
  return (
    <Card title={t('needs.title')}>
      {things.length === 0 && <p className="cw-soft">{t('needs.none')}</p>}
      <ul className="cw-needs">
        {things.map((thing) => (
          <li key={thing.key}>
            <thing.icon size={16} strokeWidth={1.75} aria-hidden />
            <div className="cw-cell-two">
              {thing.to ? <Link className="cw-row-link" to={thing.to}>{thing.title}</Link> : <span className="cw-strong">{thing.title}</span>}
              <small title={thing.why}>{thing.why}</small>
            </div>
          </li>
        ))}
      </ul>
    </Card>
  )
}

function useThings(): Thing[] {
  const { t } = useTranslation(['home', 'campaigns'])
  const can = useCan()
  const refetchInterval = useFallbackInterval() || 60_000
  const paused = useQuery({ ...campaignsQuery({ state: ['paused'], pause_reason: ['quota_minutes', 'no_phone_number', 'trunk_down', 'failure_breaker', 'compliance', 'plan_active_limit'], limit: 20 }), enabled: can('campaigns:read'), refetchInterval })
  const drafts = useQuery({ ...campaignsQuery({ state: ['draft'], sort: '-updated_at', limit: 100 }), enabled: can('campaigns:read'), refetchInterval })
  const trunks = useQuery({ ...trunksQuery, enabled: can('settings:read'), refetchInterval })
  const providers = useQuery({ ...providersQuery, enabled: can('settings:read'), refetchInterval })
  return [
    ...(paused.data?.items ?? []).map((campaign): Thing => ({ key: campaign.id, icon: Megaphone, to: `/campaigns/${campaign.id}`, title: campaign.name, why: campaign.pause_detail ?? t(`campaigns:pause.${campaign.pause_reason}`) })),
    ...(drafts.data?.items ?? []).filter((campaign) => campaign.start_failed).map((campaign): Thing => ({ key: campaign.id, icon: Megaphone, to: `/campaigns/${campaign.id}`, title: campaign.name, why: t('needs.start_failed') })),
    ...(trunks.data?.items ?? []).filter((trunk) => trunk.enabled && trunk.breaker.state !== 'closed').map((trunk): Thing => ({ key: trunk.id, icon: Cable, to: exists('/trunks') ? `/trunks/${trunk.id}` : undefined, title: trunk.name, why: t(`needs.breaker.${trunk.breaker.cause ?? 'failing'}`) })),
    ...(providers.data?.items ?? []).filter((provider) => provider.enabled && provider.health.circuit !== 'closed').map((provider): Thing => ({ key: provider.id, icon: PhoneForwarded, to: exists('/providers') ? '/providers' : undefined, title: provider.name, why: provider.health.error ?? t('needs.provider') })),
  ]
}
