/** What happened with a contact, the latest first: from the timeline, or its calls where a server has none. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { api, read } from '@/api/client'
import { timelineQuery, type Contact, type Moment } from '@/api/people'
import { useCan } from '@/api/session'
import { Card } from '@/ui/Card'
import { useReason } from '@/ui/status/states'
import type { Schema } from '@/api/client'
import { Duration, TimeText } from '@/ui/values'
import { exists } from '../../exists'

export function Timeline({ contact }: { contact: Contact }) {
  const { t } = useTranslation('people')
  const can = useCan()
  const timeline = useQuery(timelineQuery(contact.id))
  const calls = useQuery({
    queryKey: ['calls', 'of', contact.id],
    queryFn: () => read(api.GET('/api/v1/calls', { params: { query: { contact_id: contact.id, limit: 50 } } })),
    enabled: timeline.error !== null && can('calls:read'),
  })
  const moments: Moment[] =
    timeline.data?.items ??
    calls.data?.items.map((call) => ({ at: call.started_at ?? call.ended_at ?? '', kind: 'call', call_id: call.id, direction: call.direction, ...(call.reason ? { reason: call.reason } : {}) })) ??
    []
  if (timeline.isPending || (timeline.error !== null && calls.isPending && can('calls:read'))) return null
  return (
    <Card title={t('timeline.title')}>
      {moments.length === 0 && <p className="cw-soft">{t('timeline.none')}</p>}
      <ol className="cw-timeline">{moments.map((moment) => <Line key={`${moment.at}${moment.kind}${moment.call_id ?? ''}`} moment={moment} />)}</ol>
    </Card>
  )
}

function Line({ moment }: { moment: Moment }) {
  const { t } = useTranslation('people')
  const reason = useReason()
  const kind = moment.kind === 'call' ? t(`timeline.call_${moment.direction === 'inbound' ? 'in' : 'out'}`) : t(`timeline.${moment.kind}`, { defaultValue: moment.kind.replaceAll('_', ' ') })
  return (
    <li>
      <TimeText at={moment.at} />
      <span>
        {moment.call_id && exists('/calls') ? <Link to="/calls" search={{ call: moment.call_id } as never}>{kind}</Link> : kind}
        {moment.reason && <span className="cw-soft"> · {reason(moment.reason as Schema['DisconnectionReason'])}</span>}
        {moment.callback_at && <span className="cw-soft"> · <TimeText at={moment.callback_at} /></span>}
      </span>
      <span className="cw-soft">{moment.duration_ms !== undefined && <Duration ms={moment.duration_ms} />}</span>
    </li>
  )
}
