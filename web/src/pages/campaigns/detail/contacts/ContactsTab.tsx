import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Button } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { progressQuery, targetsQuery, type Campaign, type TargetWish } from '@/api/campaigns'
import type { Schema } from '@/api/client'
import { useFallbackInterval } from '@/api/live'
import { useCan } from '@/api/session'
import { useKey } from '@/app/keys'
import { listOf, useSearch } from '@/app/search-params'
import { UserPlus } from '@/ui/icons'
import { DataTable, SearchBox, StateFilter, useList, useSelection } from '@/ui/table'
import { useColumns } from './columns'
import { TargetAttempts } from './TargetAttempts'

const BulkActions = lazy(() => import('./BulkActions').then((module) => ({ default: module.BulkActions })))
const ContactPicker = lazy(() => import('./picker/ContactPicker'))

const STATES: Schema['TargetState'][] = ['new', 'waiting', 'ready', 'in_progress', 'callback', 'done', 'failed', 'blocked', 'suspended', 'expired', 'rejected', 'removed']
const REASONS: Schema['DisconnectionReason'][] = [
  'user_hangup', 'agent_hangup', 'call_transfer', 'voicemail_reached', 'call_screened', 'user_declined', 'dial_no_answer', 'dial_busy', 'dial_failed',
  'invalid_phone_number', 'marked_as_spam', 'voice_calls_opted_out', 'inactivity', 'error_no_audio_received', 'max_duration_reached',
  'telephony_provider_unavailable', 'telephony_provider_permission_denied', 'node_lost', 'outcome_unknown', 'cancelled',
]

export default function ContactsTab({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation('campaigns')
  const can = useCan()
  const [search] = useSearch()
  const [adding, setAdding] = useState(false)
  const list = useList('targets')
  const states = listOf<Schema['TargetState']>(search.state)
  const reasons = listOf<Schema['DisconnectionReason']>(search.reason)
  const blocked = listOf<Schema['BlockedReason']>(search.blocked)
  const answered = search.answered === 'true' ? true : search.answered === 'false' ? false : undefined
  const filter = {
    ...(states.length > 0 ? { state: states } : {}),
    ...(reasons.length > 0 ? { last_reason: reasons } : {}),
    ...(blocked.length > 0 ? { blocked_reason: blocked } : {}),
    ...(search.q ? { search: search.q } : {}),
    ...(answered === undefined ? {} : { answered }),
  } satisfies TargetWish & Schema['TargetFilter']
  const selection = useSelection(filter)
  const columns = useColumns(campaign)
  const refetchInterval = useFallbackInterval()
  const query = useQuery({ ...targetsQuery(campaign.id, { ...filter, ...list.wish }), placeholderData: keepPreviousData, refetchInterval })
  const progress = useQuery({ ...progressQuery(campaign.id), refetchInterval })

  const adds = can('campaigns:write') && campaign.state !== 'cancelled' && campaign.state !== 'deleting'
  const filtered = Object.keys(filter).length > 0
  // The server counts by state; what else is filtered by it does not count.
  const counted = Object.keys(filter).every((key) => key === 'state') ? progress.data?.by_state : undefined
  const total = counted && (states.length > 0 ? states : STATES).reduce((sum, state) => sum + (counted[state] ?? 0), 0)
  const add = adds ? <Button type="primary" icon={<UserPlus size={16} strokeWidth={1.75} />} onClick={() => setAdding(true)}>{t('contacts.add')}</Button> : undefined
  useKey('n', () => setAdding(true), adds)

  return (
    <>
      <DataTable
        label={t('tab.contacts')}
        columns={columns}
        query={query}
        list={list}
        rowKey={(target) => target.id}
        rowName={(target) => target.name || target.phone || '—'}
        total={total}
        filtered={filtered}
        onReset={() => list.filter({ q: undefined, state: undefined, reason: undefined, blocked: undefined, answered: undefined })}
        empty={{ text: t('contacts.empty'), action: add }}
        actions={query.data?.items.length === 0 && !filtered ? undefined : add}
        {...(can('campaigns:write') ? { selection, bulk: (chosen) => <Suspense><BulkActions campaign={campaign} chosen={chosen} filter={filter} total={total} done={selection.clear} /></Suspense> } : {})}
        expand={(target) => <TargetAttempts campaign={campaign} contactId={target.contact_id} />}
        filters={
          <>
            <SearchBox value={search.q} onChange={(q) => list.filter({ q })} placeholder={t('contacts.search')} width={230} />
            <StateFilter value={states} onChange={(next) => list.filter({ state: next.join(',') })} options={STATES.map((value) => ({ value, label: t(`common:state.target.${value}`) }))} placeholder={t('contacts.any_state')} />
            <StateFilter value={reasons} onChange={(next) => list.filter({ reason: next.join(',') })} options={REASONS.map((value) => ({ value, label: t(`common:reason.${value}`) }))} placeholder={t('contacts.any_reason')} />
            {blocked.length > 0 && (
              <StateFilter value={blocked} onChange={(next) => list.filter({ blocked: next.join(',') })} options={blocked.map((value) => ({ value, label: t(`common:blocked.${value}`) }))} placeholder={t('contacts.blocked')} />
            )}
            <StateFilter
              single
              value={listOf(search.answered)}
              onChange={([next]) => list.filter({ answered: next })}
              options={[{ value: 'true', label: t('contacts.answered_yes') }, { value: 'false', label: t('contacts.answered_no') }]}
              placeholder={t('contacts.answered')}
            />
          </>
        }
      />
      <Suspense>{adding && <ContactPicker campaign={campaign} close={() => setAdding(false)} />}</Suspense>
    </>
  )
}
