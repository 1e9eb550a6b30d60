import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import type { LiveCall } from '@/api/calls'
import { useAssistantName, useTrunkName } from '@/api/organisation'
import type { Search } from '@/app/search-params'
import { Headphones, Link2 } from '@/ui/icons'
import type { Column } from '@/ui/table'
import { Duration, Nothing, PhoneText } from '@/ui/values'
import { StandingTag } from './StandingTag'

export function useColumns(narrow: boolean): Column<LiveCall>[] {
  const { t } = useTranslation('live')
  const assistant = useAssistantName()
  const trunk = useTrunkName()
  const all: Column<LiveCall>[] = [
    { key: 'contact', title: t('field.contact'), width: 176, fixed: 'start', render: (call) => <Who call={call} /> },
    { key: 'state', title: t('field.state'), width: 146, render: (call) => <StandingTag call={call} /> },
    { key: 'time', title: t('field.time'), width: 76, align: 'right', render: (call) => <Duration since={call.answered_at ?? call.started_at} /> },
    { key: 'assistant', title: t('field.assistant'), width: 170, render: (call) => <span className="cw-ellipsis cw-block">{assistant(call.assistant_id) ?? <Nothing />}</span> },
    { key: 'trunk', title: t('field.trunk'), width: 130, render: (call) => <span className="cw-ellipsis cw-block">{(call.trunk_id && trunk(call.trunk_id)) || <Nothing />}</span> },
    { key: 'ours', title: t('field.ours'), width: 160, render: (call) => <PhoneText number={call.ours} /> },
    { key: 'listeners', title: t('field.listeners'), width: 96, align: 'right', render: (call) => (call.listeners > 0 ? <span className="cw-num cw-hearing"><Headphones size={14} aria-hidden /> {call.listeners}</span> : <Nothing />) },
  ]
  return narrow ? all.filter((column) => column.key !== 'ours' && column.key !== 'trunk') : all
}

function Who({ call }: { call: LiveCall }) {
  const { t } = useTranslation('live')
  return (
    <span className="cw-line cw-nowrap">
      <Link to="." search={((old: Search) => ({ ...old, call: call.id })) as never} resetScroll={false} className="cw-row-link">
        {call.contact ? <PhoneText number={call.contact} /> : t('unknown')}
      </Link>
      {call.second_of && <Link2 size={14} role="img" aria-label={t('second_leg')} />}
    </span>
  )
}
