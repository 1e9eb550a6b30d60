import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { campaignQuery } from '@/api/campaigns'
import { recordingUrl, type Call } from '@/api/calls'
import { useCan } from '@/api/session'
import { useSearch, type Search } from '@/app/search-params'
import { IconButton } from '@/ui/IconButton'
import { Download, Play } from '@/ui/icons'
import { useReason } from '@/ui/status/states'
import type { Column } from '@/ui/table'
import { Duration, Nothing, PhoneText, TimeText } from '@/ui/values'
import { DirectionIcon, farSide, ResultTag, useContactName } from '../parts'

export function useColumns(): Column<Call>[] {
  const { t } = useTranslation('calls')
  const reason = useReason()
  return [
    { key: 'contact', title: t('field.contact'), width: 210, fixed: 'start', render: (call) => <Who call={call} /> },
    { key: 'direction', title: t('field.direction'), width: 44, quiet: true, render: (call) => <DirectionIcon direction={call.direction} /> },
    { key: 'started', title: t('field.started'), width: 150, sort: 'started_at', render: (call) => <TimeText at={call.started_at} /> },
    { key: 'result', title: t('field.result'), width: 148, render: (call) => <ResultTag call={call} /> },
    { key: 'duration', title: t('field.duration'), width: 116, align: 'right', sort: 'duration_ms', render: (call) => (call.answered_at ? <Duration ms={call.duration_ms} /> : <Nothing />) },
    { key: 'reason', title: t('field.reason'), width: 176, render: (call) => reason(call.reason) },
    { key: 'by', title: t('field.answered_by'), width: 120, render: (call) => (call.answered_by ? t(`common:answered_by.${call.answered_by}`) : <Nothing />) },
    { key: 'campaign', title: t('field.campaign'), width: 170, render: (call) => <CampaignName id={call.campaign_id} /> },
    { key: 'ended_by', title: t('field.ended_by'), width: 116, hidden: true, render: (call) => (call.ended_by ? t(`common:ended_by.${call.ended_by}`) : <Nothing />) },
    { key: 'ours', title: t('field.ours'), width: 160, hidden: true, render: (call) => <PhoneText number={call.direction === 'outbound' ? call.from : call.to} /> },
    { key: 'sip', title: t('field.sip_code'), width: 90, align: 'right', hidden: true, render: (call) => call.sip_code ?? <Nothing /> },
    { key: 'q850', title: t('field.q850'), width: 80, align: 'right', hidden: true, render: (call) => call.q850 ?? <Nothing /> },
    { key: 'ended', title: t('field.ended'), width: 150, sort: 'ended_at', hidden: true, render: (call) => <TimeText at={call.ended_at} /> },
    { key: 'actions', title: t('field.actions'), width: 84, fixed: 'end', quiet: true, render: (call) => <Actions call={call} /> },
  ]
}

function Who({ call }: { call: Call }) {
  const { t } = useTranslation('calls')
  const name = useContactName(call.contact_id)
  const number = farSide(call)
  const link = (text: React.ReactNode) => <Link to="." search={((old: Search) => ({ ...old, call: call.id, at: undefined })) as never} resetScroll={false} className="cw-row-link">{text}</Link>
  const shown = number ? <PhoneText number={number} /> : t(call.direction === 'browser' ? 'direction.browser' : 'withheld')
  if (name === undefined) return link(shown)
  return <span className="cw-cell-two">{link(name)}<small>{shown}</small></span>
}

function CampaignName({ id }: { id: string | null | undefined }) {
  const can = useCan()
  const { data } = useQuery({ ...campaignQuery(id ?? ''), enabled: Boolean(id) && can('campaigns:read'), staleTime: 60_000 })
  if (!id || data === undefined) return <Nothing />
  return <Link to={`/campaigns/${id}`} className="cw-ellipsis cw-block">{data.name}</Link>
}

function Actions({ call }: { call: Call }) {
  const { t } = useTranslation('calls')
  const [, patch] = useSearch()
  if (!call.recording_ms) return null
  return (
    <span className="cw-buttons">
      <IconButton icon={Play} label={t('player.play')} onClick={() => patch({ call: call.id, at: '0', play: '1' })} />
      <IconButton icon={Download} label={t('head.download')} href={recordingUrl(call.id)} download />
    </span>
  )
}
