import { useTranslation } from 'react-i18next'
import { Link } from '@tanstack/react-router'
import type { Campaign, Target } from '@/api/campaigns'
import { TargetTag, useBlockedReason, useReason } from '@/ui/status/states'
import type { Column } from '@/ui/table'
import { Duration, Nothing, NumberText, PhoneText, TimeText } from '@/ui/values'
import { exists } from '../../../exists'
import { TargetActions } from './TargetActions'
import { useWhyState } from './why'

export function useColumns(campaign: Campaign): Column<Target>[] {
  const { t } = useTranslation('campaigns')
  const reason = useReason()
  const blocked = useBlockedReason()
  const why = useWhyState(campaign)
  const zone = campaign.schedule.time_zone
  const most = 1 + (campaign.settings.max_retries ?? 3)
  return [
    { key: 'name', title: t('field.name'), width: 140, fixed: 'start', sort: 'name', render: (target) => <Name target={target} /> },
    { key: 'phone', title: t('field.phone'), width: 156, render: (target) => <PhoneText number={target.phone} /> },
    { key: 'status', title: t('field.status'), width: 178, render: (target) => <TargetTag state={target.state} tooltip={why(target)} /> },
    { key: 'dials', title: t('field.dials'), width: 106, align: 'right', sort: 'dials', render: (target) => <span className="cw-num">{target.dials} <span className="cw-faint">/ {most}</span></span> },
    { key: 'reason', title: t('field.last_reason'), width: 160, hidden: true, render: (target) => (target.state === 'blocked' && target.blocked_reason ? blocked(target.blocked_reason) : target.last_reason ? reason(target.last_reason) : <Nothing />) },
    { key: 'last', title: t('field.last_call'), width: 132, sort: 'last_call_at', render: (target) => <TimeText at={target.last_call_at} zone={zone} /> },
    { key: 'duration', title: t('field.duration'), width: 114, align: 'right', render: (target) => <Duration ms={target.last_duration_ms} /> },
    { key: 'next', title: t('field.next'), width: 152, sort: 'next_at', render: (target) => <TimeText at={nextOf(target)} zone={zone} /> },
    { key: 'priority', title: t('field.priority'), width: 96, align: 'right', sort: 'priority', hidden: true, render: (target) => <NumberText value={target.priority} /> },
    { key: 'round', title: t('field.round'), width: 90, align: 'right', hidden: true, render: (target) => <NumberText value={target.round} /> },
    { key: 'actions', title: t('field.actions'), width: 104, fixed: 'end', quiet: true, render: (target) => <TargetActions campaign={campaign} target={target} /> },
  ]
}

/** Only who waits has a next call. */
function nextOf(target: Target): string | undefined {
  if (target.state === 'callback') return target.callback_at ?? target.next_at
  return target.state === 'waiting' || target.state === 'ready' ? target.next_at : undefined
}

function Name({ target }: { target: Target }) {
  if (!target.name) return <Nothing />
  if (!exists('/contacts')) return <span className="cw-name">{target.name}</span>
  return <Link className="cw-row-link" to="/contacts" search={{ contact: target.contact_id } as never}>{target.name}</Link>
}
