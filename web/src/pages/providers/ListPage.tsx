/** Services that hear, think and speak: how each is doing, its form, and a trial that names the step that failed. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Alert, Button } from 'antd'
import { lazy, Suspense } from 'react'
import { useTranslation } from 'react-i18next'
import { api, read, type Schema } from '@/api/client'
import { providersQuery } from '@/api/organisation'
import { useCan } from '@/api/session'
import { useCrumbs } from '@/app/crumbs'
import { useSearch } from '@/app/search-params'
import { PageSkeleton } from '@/app/shell/PageSkeleton'
import { Card } from '@/ui/Card'
import { Empty } from '@/ui/Empty'
import { CircleCheck, CirclePause, CircleX, Pencil, Plus, Trash2, TriangleAlert } from '@/ui/icons'
import { PageHeader } from '@/ui/PageHeader'
import { ProblemAlert } from '@/ui/Problem'
import { StatusTag } from '@/ui/status/StatusTag'
import { useConfirm } from '@/ui/useConfirm'
import { useFail } from '@/ui/useFail'
import { WhyButton } from '@/ui/WhyButton'

export type Provider = Schema['ProviderView']

const ProviderModal = lazy(() => import('./ProviderModal'))
const STAGES: Schema['Stage'][] = ['stt', 'llm', 'tts', 's2s', 'embeddings', 'bot']

export default function ListPage() {
  const { t } = useTranslation('providers')
  useCrumbs({ label: t('common:nav.providers') })
  const can = useCan()
  const [search, patch] = useSearch()
  const query = useQuery({ ...providersQuery, refetchInterval: 15_000 })
  const items = query.data?.items ?? []
  const writes = can('settings:write')
  const editing = items.find((one) => one.id === search.edit)
  const button = <WhyButton type="primary" icon={<Plus size={16} />} why={writes ? undefined : t('no_right')} onClick={() => patch({ new: '1' })}>{t('add')}</WhyButton>
  return (
    <>
      <PageHeader title={t('common:nav.providers')} actions={button} />
      <ProblemAlert error={query.error} retry={() => void query.refetch()} />
      {query.isPending && <PageSkeleton />}
      {query.data && items.length === 0 && <Card><Empty text={t('empty')} /></Card>}
      <div className="cw-stack">
        {STAGES.filter((stage) => items.some((one) => one.stage === stage)).map((stage) => (
          <Card key={stage} title={t(`stage.${stage}`)}>
            <div className="cw-stack">{items.filter((one) => one.stage === stage).map((one) => <Row key={one.id} provider={one} edit={() => patch({ edit: one.id })} writes={writes} />)}</div>
          </Card>
        ))}
      </div>
      <Suspense>
        {writes && search.new === '1' && <ProviderModal close={() => patch({ new: undefined })} />}
        {writes && editing && <ProviderModal provider={editing} close={() => patch({ edit: undefined })} />}
      </Suspense>
    </>
  )
}

function Row({ provider, edit, writes }: { provider: Provider; edit: () => void; writes: boolean }) {
  const { t } = useTranslation('providers')
  const client = useQueryClient()
  const confirm = useConfirm()
  const fail = useFail()
  const path = { params: { path: { id: provider.id } } }
  const anew = () => client.invalidateQueries({ queryKey: providersQuery.queryKey })
  const trial = useMutation({ mutationFn: () => read(api.POST('/api/v1/providers/{id}/test', path)), onSuccess: anew, onError: fail })
  const why = !writes ? t('no_right') : provider.source === 'config' ? t('from_file') : undefined
  const remove = async () => {
    if (!(await confirm({ title: t('delete_title', { name: provider.name }), text: t('delete_text'), ok: t('common:action.delete'), danger: true }))) return
    await api.DELETE('/api/v1/providers/{id}', path).then(anew, fail)
  }
  const { health } = provider
  return (
    <div>
      <div className="cw-line">
        <strong>{provider.name}</strong>
        <State provider={provider} />
        <span className="cw-soft">{provider.kind}{provider.model ? ` · ${provider.model}` : ''}{provider.key_last4 ? ` · …${provider.key_last4}` : ''}</span>
        <span className="cw-soft cw-num">{health.first_ms_p50 != null && t('delay', { p50: health.first_ms_p50, p95: health.first_ms_p95 ?? '–' })} {t('calls', { count: health.calls, most: provider.capacity })}</span>
        <span className="cw-line cw-end">
          <WhyButton size="small" why={writes ? undefined : t('no_right')} loading={trial.isPending} onClick={() => trial.mutate()}>{t('test')}</WhyButton>
          <WhyButton size="small" icon={<Pencil size={14} />} why={why} onClick={edit}>{t('common:action.edit')}</WhyButton>
          <WhyButton size="small" danger icon={<Trash2 size={14} />} why={why} onClick={() => void remove()}>{t('common:action.delete')}</WhyButton>
        </span>
      </div>
      {health.error && <div className="cw-warn">{health.error}</div>}
      {trial.data && <Alert role="status" showIcon type={trial.data.ok ? 'success' : 'error'} title={trial.data.ok ? t('works', { ms: trial.data.took_ms }) : t(`step.${trial.data.step ?? 'local'}`)} description={trial.data.ok ? undefined : [trial.data.detail, trial.data.remedy, trial.data.said].filter(Boolean).join(' ')} action={<Button size="small" onClick={() => trial.reset()}>{t('common:action.close')}</Button>} />}
    </div>
  )
}

function State({ provider }: { provider: Provider }) {
  const { t } = useTranslation('providers')
  if (!provider.enabled) return <StatusTag tone="waiting" icon={CirclePause}>{t('state.off')}</StatusTag>
  const { circuit } = provider.health
  if (circuit === 'closed') return <StatusTag tone="success" icon={CircleCheck}>{t('state.closed')}</StatusTag>
  return circuit === 'open' ? <StatusTag tone="failure" icon={CircleX}>{t('state.open')}</StatusTag> : <StatusTag tone="partial" icon={TriangleAlert}>{t('state.half_open')}</StatusTag>
}
