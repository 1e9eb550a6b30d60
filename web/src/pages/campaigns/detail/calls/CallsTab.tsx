import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { attemptsQuery, runsQuery, type AttemptWish, type Campaign } from '@/api/campaigns'
import type { Schema } from '@/api/client'
import { useFallbackInterval } from '@/api/live'
import { listOf, useSearch } from '@/app/search-params'
import { DataTable, StateFilter, useList } from '@/ui/table'
import { useColumns } from './columns'

const STATES: Schema['AttemptState'][] = ['dialing', 'ringing', 'in_conversation', 'ended', 'not_placed', 'cancelled', 'unknown']
const REASONS: Schema['DisconnectionReason'][] = [
  'user_hangup', 'agent_hangup', 'call_transfer', 'voicemail_reached', 'call_screened', 'user_declined', 'dial_no_answer', 'dial_busy', 'dial_failed',
  'invalid_phone_number', 'marked_as_spam', 'voice_calls_opted_out', 'inactivity', 'error_no_audio_received', 'max_duration_reached',
  'telephony_provider_unavailable', 'telephony_provider_permission_denied', 'node_lost', 'outcome_unknown', 'cancelled',
]
const ANSWERED_BY: Schema['AnsweredBy'][] = ['human', 'voicemail', 'screening', 'ivr', 'fax', 'false_answer', 'unknown']

/** Every attempt, also those that were not placed. */
export default function CallsTab({ campaign }: { campaign: Campaign }) {
  const { t } = useTranslation('campaigns')
  const [search] = useSearch()
  const list = useList('attempts', { sort: '-claimed_at' })
  const states = listOf<Schema['AttemptState']>(search.state)
  const reasons = listOf<Schema['DisconnectionReason']>(search.reason)
  const by = listOf<Schema['AnsweredBy']>(search.by)
  const filter: AttemptWish = {
    ...(states.length > 0 ? { state: states } : {}),
    ...(reasons.length > 0 ? { reason: reasons } : {}),
    ...(by.length > 0 ? { answered_by: by } : {}),
    ...(search.run ? { run_id: search.run } : {}),
  }
  const runs = useQuery(runsQuery(campaign.id))
  const columns = useColumns(campaign, runs.data?.items ?? [])
  const query = useQuery({ ...attemptsQuery(campaign.id, { ...filter, ...list.wish }), placeholderData: keepPreviousData, refetchInterval: useFallbackInterval() })
  return (
    <DataTable
      label={t('tab.calls')}
      columns={columns}
      query={query}
      list={list}
      rowKey={(attempt) => attempt.id}
      rowName={(attempt) => attempt.phone ?? attempt.id}
      filtered={Object.keys(filter).length > 0}
      onReset={() => list.filter({ state: undefined, reason: undefined, by: undefined, run: undefined })}
      empty={{ text: t('calls.empty') }}
      filters={
        <>
          <StateFilter value={states} onChange={(next) => list.filter({ state: next.join(',') })} options={STATES.map((value) => ({ value, label: t(value === 'ended' ? 'calls.ended' : `common:state.attempt.${value}`) }))} placeholder={t('contacts.any_state')} />
          <StateFilter value={reasons} onChange={(next) => list.filter({ reason: next.join(',') })} options={REASONS.map((value) => ({ value, label: t(`common:reason.${value}`) }))} placeholder={t('contacts.any_reason')} />
          <StateFilter value={by} onChange={(next) => list.filter({ by: next.join(',') })} options={ANSWERED_BY.map((value) => ({ value, label: t(`common:answered_by.${value}`) }))} placeholder={t('calls.any_by')} />
          {runs.data !== undefined && runs.data.items.length > 1 && (
            <StateFilter
              single
              value={listOf(search.run)}
              onChange={([run]) => list.filter({ run })}
              options={runs.data.items.flatMap((run) => (run.id ? [{ value: run.id, label: t('runs.title', { no: run.ordinal }) }] : []))}
              placeholder={t('calls.any_run')}
            />
          )}
        </>
      }
    />
  )
}
