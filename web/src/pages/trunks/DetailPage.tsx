/** One trunk: how it does, what is set, and what it would be told of a call. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { Alert, Button, Input } from 'antd'
import { lazy, Suspense, useId, useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { api, read, type Schema } from '@/api/client'
import { trunksQuery, useAssistantName, type Trunk } from '@/api/organisation'
import { asProblem } from '@/api/problem'
import { useCan } from '@/api/session'
import { useCrumbs } from '@/app/crumbs'
import { NotFoundPage } from '@/app/pages/NotFoundPage'
import { useSearch } from '@/app/search-params'
import { PageSkeleton } from '@/app/shell/PageSkeleton'
import { Card } from '@/ui/Card'
import { Pencil, Play, Trash2 } from '@/ui/icons'
import { PageHeader } from '@/ui/PageHeader'
import { PageTabs } from '@/ui/PageTabs'
import { ProblemAlert } from '@/ui/Problem'
import { Stat, Stats } from '@/ui/Stat'
import { useConfirm } from '@/ui/useConfirm'
import { useFail } from '@/ui/useFail'
import { Nothing, NumberText, PhoneText, TimeText } from '@/ui/values'
import { WhyButton } from '@/ui/WhyButton'
import { stateOf, TrunkTag } from './state'

const TrunkModal = lazy(() => import('./TrunkModal'))
const TABS = { overview: Overview, settings: Settings, numbers: CallerIds, routing: Routing } as const

export default function DetailPage() {
  const { t } = useTranslation('trunks')
  const { id = '', tab = 'overview' } = useParams({ strict: false }) as { id?: string; tab?: string }
  const query = useQuery({ queryKey: ['trunks', 'one', id], queryFn: () => read(api.GET('/api/v1/trunks/{id}', { params: { path: { id } } })), refetchInterval: 10_000 })
  useCrumbs({ label: t('common:nav.trunks'), to: '/trunks' }, { label: query.data?.name ?? '…' })
  if (query.error !== null && query.data === undefined) {
    if (![404, 422].includes(asProblem(query.error).status)) return <ProblemAlert error={query.error} retry={() => void query.refetch()} />
    return <div className="cw-narrow"><h1>{t('gone')}</h1><p><Link to="/trunks">{t('all')}</Link></p></div>
  }
  if (query.data === undefined) return <PageSkeleton />
  const Shown = TABS[tab as keyof typeof TABS]
  if (Shown === undefined) return <NotFoundPage />
  return (
    <>
      <Head trunk={query.data} />
      <PageTabs label={t('tabs')} tabs={Object.keys(TABS).map((name) => ({ to: `/trunks/${id}/${name}`, label: t(`tab.${name}`) }))} />
      <Shown trunk={query.data} />
    </>
  )
}

function Head({ trunk }: { trunk: Trunk }) {
  const { t } = useTranslation('trunks')
  const can = useCan()
  const [search, patch] = useSearch()
  const client = useQueryClient()
  const navigate = useNavigate()
  const confirm = useConfirm()
  const fail = useFail()
  const path = { params: { path: { id: trunk.id } } }
  const why = can('settings:write') ? undefined : t('no_right')
  const resume = useMutation({ mutationFn: () => api.POST('/api/v1/trunks/{id}/resume', path), onSuccess: () => client.invalidateQueries({ queryKey: ['trunks'] }), onError: fail })
  const remove = async () => {
    if (!(await confirm({ title: t('delete_title', { name: trunk.name }), text: t('delete_text'), ok: t('common:action.delete'), danger: true }))) return
    try {
      await api.DELETE('/api/v1/trunks/{id}', path)
      await client.invalidateQueries({ queryKey: trunksQuery.queryKey })
      void navigate({ to: '/trunks' })
    } catch (error) {
      fail(error)
    }
  }
  return (
    <>
      <PageHeader
        title={trunk.name}
        tag={<TrunkTag state={stateOf(trunk)} />}
        facts={<><span>{trunk.host}{trunk.port ? `:${trunk.port}` : ''}</span><span>{t(`transport.${trunk.transport}`, { defaultValue: trunk.transport })}</span></>}
        actions={
          <>
            <WhyButton danger icon={<Trash2 size={15} />} why={why} onClick={() => void remove()}>{t('common:action.delete')}</WhyButton>
            {trunk.breaker.state !== 'closed' && <WhyButton icon={<Play size={15} />} why={why} loading={resume.isPending} onClick={() => resume.mutate()}>{t('resume')}</WhyButton>}
            <WhyButton type="primary" icon={<Pencil size={15} />} why={why} onClick={() => patch({ edit: '1' }, { replace: true })}>{t('common:action.edit')}</WhyButton>
          </>
        }
      />
      <Suspense>{search.edit === '1' && why === undefined && <TrunkModal trunk={trunk} close={() => patch({ edit: undefined }, { replace: true })} />}</Suspense>
    </>
  )
}

function Facts({ rows }: { rows: [string, ReactNode][] }) {
  return <dl className="cw-facts-list">{rows.map(([name, value]) => <div key={name} className="cw-fact"><dt>{name}</dt><dd>{value === undefined || value === null || value === '' ? <Nothing /> : value}</dd></div>)}</dl>
}

function Overview({ trunk }: { trunk: Trunk }) {
  const { t } = useTranslation('trunks')
  const query = useQuery({ queryKey: ['trunks', 'health', trunk.id], queryFn: () => read(api.GET('/api/v1/trunks/{id}/health', { params: { path: { id: trunk.id } } })), refetchInterval: 10_000 })
  const health = query.data
  if (health === undefined) return query.error ? <ProblemAlert error={query.error} retry={() => void query.refetch()} /> : <PageSkeleton />
  return (
    <div className="cw-stack">
      {health.reason && <Alert type={health.state === 'down' ? 'error' : 'warning'} showIcon title={health.reason} description={health.until ? <>{t('until')} <TimeText at={health.until} /></> : undefined} />}
      {health.host_fault && <Alert type="error" showIcon title={t('host_fault')} description={health.host_fault} />}
      <Stats>
        <Stat label={t('stat.channels')} hint={t('stat.channels_hint')} value={<NumberText value={health.channels.live} />} note={t('stat.of', { most: health.channels.most })} />
        <Stat label={t('stat.rate')} hint={t('stat.rate_hint')} value={<NumberText value={health.rate.last_minute} />} note={t('stat.of', { most: Math.round(health.rate.allowed_per_minute) })} />
        <Stat label={t('stat.asr')} hint={t('stat.asr_hint')} value={<><NumberText value={health.last_day.asr_percent} digits={1} />{health.last_day.asr_percent != null && ' %'}</>} note={t('stat.dials', { count: health.last_day.dials })} />
        <Stat label={t('stat.pdd')} hint={t('stat.pdd_hint')} value={<><NumberText value={health.last_day.pdd_p50_ms} />{health.last_day.pdd_p50_ms != null && ' ms'}</>} note={health.last_day.pdd_p95_ms == null ? undefined : t('stat.p95', { ms: health.last_day.pdd_p95_ms })} />
      </Stats>
      <div className="cw-two">
        <Card title={t('servers')}>
          {health.servers.length === 0 && <p className="cw-soft">{t('no_servers')}</p>}
          <ul className="cw-plain">
            {health.servers.map((server) => (
              <li key={server.address + server.transport}>
                <strong>{server.address}</strong> {server.transport.toUpperCase()} · {t(`options.${server.options}`)}
                {server.fault && <div className="cw-warn">{server.fault}</div>}
              </li>
            ))}
          </ul>
        </Card>
        <Card title={t('standing')}>
          <Facts
            rows={[
              [t('field.registration'), <>{t(`registration.${health.registration.state}`)}{health.registration.status ? ` (${health.registration.status})` : ''}</>],
              [t('field.breaker'), <>{t(`breaker.${health.breaker.state}`)}{health.breaker.cause ? ` · ${t(`cause.${health.breaker.cause}`)}` : ''}</>],
              [t('field.options_s'), health.options.interval_s === 0 ? t('options_off') : t(`options.${health.options.state}`)],
              [t('field.kept_by'), health.kept_by?.node_id],
            ]}
          />
        </Card>
      </div>
    </div>
  )
}

function Settings({ trunk }: { trunk: Trunk }) {
  const { t } = useTranslation('trunks')
  const assistant = useAssistantName()
  const yes = (on: boolean) => t(on ? 'common:yes' : 'common:no')
  return (
    <div className="cw-two">
      <div className="cw-stack">
        <Card title={t('section.way')}>
          <Facts rows={[[t('field.host'), trunk.host], [t('field.port'), trunk.port], [t('field.transport'), t(`transport.${trunk.transport}`, { defaultValue: trunk.transport })], [t('field.username'), trunk.username], [t('field.password'), trunk.has_password ? t('stored') : undefined], [t('field.register'), yes(trunk.register)], [t('field.redirects'), trunk.redirects], [t('field.large_over_tcp'), yes(trunk.large_over_tcp)], [t('field.replaces'), yes(trunk.replaces)], [t('field.external_signalling'), trunk.external_signalling], [t('field.external_media'), trunk.external_media]]} />
        </Card>
        <Card title={t('section.audio')}>
          <Facts rows={[[t('field.codecs'), trunk.codecs.map((codec) => codec.toUpperCase().replace('_', ' ')).join(', ')], [t('field.srtp'), t(`srtp.${trunk.srtp}`)], [t('field.dtmf'), t(`dtmf.${trunk.dtmf}`)]]} />
        </Card>
      </div>
      <div className="cw-stack">
        <Card title={t('section.limits')}>
          <Facts rows={[[t('field.max_channels'), trunk.max_channels], [t('field.calls_per_minute'), trunk.calls_per_minute], [t('field.caller_id_max_calls'), trunk.caller_id_max_calls], [t('field.caller_id_calls_per_minute'), trunk.caller_id_calls_per_minute]]} />
        </Card>
        <Card title={t('section.inbound')}>
          <Facts rows={[[t('field.inbound_assistant_id'), trunk.inbound_assistant_id && assistant(trunk.inbound_assistant_id)], ...trunk.inbound_numbers.map((one): [string, ReactNode] => [one.number, assistant(one.assistant_id)]), [t('field.inbound_reserve'), trunk.inbound_reserve], [t('field.inbound_sources'), trunk.inbound_sources.join(', ')], [t('field.identity_policy'), t(`identity.${trunk.identity_policy}`)], [t('field.attestation'), t(`attestation.${trunk.attestation}`)]]} />
        </Card>
      </div>
    </div>
  )
}

function CallerIds({ trunk }: { trunk: Trunk }) {
  const { t } = useTranslation('trunks')
  const query = useQuery({ queryKey: ['caller-numbers'], queryFn: () => read(api.GET('/api/v1/caller-numbers', { params: { query: { limit: 1000 } } })) })
  const rows = query.data?.items.filter((one) => one.trunk_ids.includes(trunk.id)) ?? []
  return (
    <Card title={t('tab.numbers')}>
      <ProblemAlert error={query.error} retry={() => void query.refetch()} />
      <ul className="cw-documents-list cw-plain">
        {trunk.caller_ids.map((number) => <CallerId key={number} number={number} view={rows.find((row) => row.number === number)} />)}
      </ul>
    </Card>
  )
}

function CallerId({ number, view }: { number: string; view: Schema['CallerNumberView'] | undefined }) {
  const { t } = useTranslation('trunks')
  return <li><strong><PhoneText number={number} /></strong>{view && <> · {t(`verdict.${view.verdict}`)} · {t('stat.dials', { count: view.dials })}<div className="cw-caption">{view.reason}</div></>}</li>
}

/** "What would the carrier be told?" Nobody is called. */
function Routing({ trunk }: { trunk: Trunk }) {
  const { t } = useTranslation('trunks')
  const id = useId()
  const [to, setTo] = useState('')
  const preview = useMutation({ mutationFn: () => read(api.POST('/api/v1/trunks/{id}/preview', { params: { path: { id: trunk.id } }, body: { to } })) })
  const view = preview.data
  return (
    <Card title={t('preview')}>
      <p className="cw-soft">{t('preview_text')}</p>
      <form className="cw-line" onSubmit={(event) => { event.preventDefault(); if (to !== '') preview.mutate() }}>
        <label htmlFor={id}>{t('preview_to')}</label>
        <Input id={id} style={{ width: 220 }} value={to} placeholder="+49 30 5557 0142" onChange={(event) => setTo(event.target.value.replace(/[\s()-]/g, ''))} />
        <Button htmlType="submit" loading={preview.isPending}>{t('preview_show')}</Button>
      </form>
      <ProblemAlert error={preview.error} />
      {view && <Facts rows={[['Request-URI', view.request_uri], ['To', view.to], ['From', view.from], ['P-Asserted-Identity', view.p_asserted_identity], ['P-Preferred-Identity', view.p_preferred_identity], ['Remote-Party-ID', view.remote_party_id], ['Privacy', view.privacy], [t('rule'), view.called_rule == null ? t('rule_none') : view.called_rule + 1]]} />}
    </Card>
  )
}
