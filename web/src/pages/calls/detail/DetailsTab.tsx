/** Everything about a call that is one value. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { replayUrl, type CallDetail } from '@/api/calls'
import { campaignQuery } from '@/api/campaigns'
import { useCan } from '@/api/session'
import { exists } from '@/pages/exists'
import { useReason } from '@/ui/status/states'
import { Duration, PhoneText, TimeText } from '@/ui/values'
import { useContactName } from '../parts'

export function DetailsTab({ call }: { call: CallDetail }) {
  const { t } = useTranslation('calls')
  const can = useCan()
  const reason = useReason()
  const contact = useContactName(call.contact_id)
  const campaign = useQuery({ ...campaignQuery(call.campaign_id ?? ''), enabled: Boolean(call.campaign_id) && can('campaigns:read') })
  const identity = call.caller_identity
  const rows: [string, ReactNode][] = [
    ['id', <span className="cw-id">{call.id}</span>],
    ['direction', t(`direction.${call.direction}`)],
    ['from', call.from ? <PhoneText number={call.from} /> : call.caller_withheld ? t('withheld') : undefined],
    ['to', call.to ? <PhoneText number={call.to} /> : undefined],
    ['contact', contact && (exists('/contacts') ? <Link to="/contacts" search={{ contact: call.contact_id } as never}>{contact}</Link> : contact)],
    ['campaign', campaign.data && <Link to={`/campaigns/${campaign.data.id}`}>{campaign.data.name}</Link>],
    ['started', <TimeText at={call.started_at} />],
    ['answered', call.answered_at && <TimeText at={call.answered_at} />],
    ['ended', <TimeText at={call.ended_at} />],
    ['duration', call.answered_at && <Duration ms={call.duration_ms} />],
    ['reason', reason(call.reason)],
    ['ended_by', call.ended_by && t(`common:ended_by.${call.ended_by}`)],
    ['answered_by', call.answered_by && t(`common:answered_by.${call.answered_by}`)],
    ['sip_code', call.sip_code],
    ['q850', call.q850],
    ['transfer', call.transfer && t('details.transfer', { to: call.transfer.to, way: t(`way.${call.transfer.way}`) })],
    ['diversion', call.diversion && t('details.diversion', { number: call.diversion.first_called ?? t('withheld'), reason: call.diversion.reason })],
    ['identity', identity && [t(`identity.${identity.status}`), identity.attestation, identity.signer].filter(Boolean).join(' · ')],
    ['recording', call.recording_ms ? <><Duration ms={call.recording_ms} /> · {call.recording_format}</> : call.recording_fault ? t(`fault.${call.recording_fault}`) : t('details.none')],
    ['replay', call.has_replay && <a href={replayUrl(call.id)} download>{t('details.replay')}</a>],
  ]
  return (
    <dl className="cw-facts-list">
      {rows.filter(([, value]) => value !== undefined && value !== null && value !== false && value !== '').map(([key, value]) => (
        <div key={key} className="cw-fact"><dt>{t(`field.${key}`)}</dt><dd>{value}</dd></div>
      ))}
    </dl>
  )
}
