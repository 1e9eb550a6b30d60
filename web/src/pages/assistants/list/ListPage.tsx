import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { Button } from 'antd'
import { lazy, Suspense } from 'react'
import { useTranslation } from 'react-i18next'
import type { Assistant } from '@/api/assistants'
import { api, read } from '@/api/client'
import { assistantsQuery } from '@/api/organisation'
import { useCan } from '@/api/session'
import { useCrumbs } from '@/app/crumbs'
import { useKey } from '@/app/keys'
import { useSearch } from '@/app/search-params'
import { IconButton } from '@/ui/IconButton'
import { Copy, Mic, Plus } from '@/ui/icons'
import { PageHeader } from '@/ui/PageHeader'
import { DataTable, SearchBox, type Column } from '@/ui/table'
import { useFail } from '@/ui/useFail'
import { Nothing, TimeText } from '@/ui/values'
import '../assistants.css'
import { useLanguageName } from '../parts/words'

const TalkDrawer = lazy(() => import('../talk/TalkDrawer'))
const CreateModal = lazy(() => import('./CreateModal'))

export default function ListPage() {
  const { t } = useTranslation('assistants')
  useCrumbs({ label: t('common:nav.assistants') })
  const can = useCan()
  const [search, patch] = useSearch()
  const query = useQuery(assistantsQuery)
  const columns = useColumns((id) => patch({ talk: id }))
  const wanted = (search.q ?? '').toLowerCase()
  const items = query.data?.items.filter((assistant) => assistant.definition.name.toLowerCase().includes(wanted)) ?? []
  const writes = can('assistants:write')
  const create = () => patch({ new: '1' })
  useKey('n', create, writes)
  const button = writes ? <Button type="primary" icon={<Plus size={16} />} onClick={create}>{t('list.create')}</Button> : undefined
  const talking = query.data?.items.find((assistant) => assistant.id === search.talk)

  return (
    <>
      <PageHeader title={t('common:nav.assistants')} facts={query.data && <span className="cw-num">{query.data.items.length}</span>} actions={button} />
      <DataTable<Assistant>
        label={t('common:nav.assistants')}
        columns={columns}
        query={{ ...query, data: query.data && { items } }}
        rowKey={(assistant) => assistant.id}
        rowName={(assistant) => assistant.definition.name}
        to={(assistant) => `/assistants/${assistant.id}`}
        filtered={wanted !== ''}
        onReset={() => patch({ q: undefined })}
        empty={{ text: t('list.empty'), action: button }}
        filters={<SearchBox value={search.q} onChange={(q) => patch({ q })} placeholder={t('list.search')} />}
      />
      <Suspense>
        {search.new === '1' && writes && <CreateModal close={() => patch({ new: undefined })} />}
        {talking && <TalkDrawer assistant={talking} close={() => patch({ talk: undefined })} />}
      </Suspense>
    </>
  )
}

function useColumns(talk: (id: string) => void): Column<Assistant>[] {
  const { t } = useTranslation('assistants')
  const language = useLanguageName()
  return [
    {
      key: 'name', title: t('field.name'), width: 260, fixed: 'start',
      render: ({ id, definition }) => (
        <span className="cw-cell-two">
          <Link className="cw-row-link" to={`/assistants/${id}`}>{definition.name}</Link>
          <small>{(definition.mode ?? 'flow') === 'flow' ? t('list.blocks', { count: definition.flow?.nodes.length ?? 0 }) : definition.prompt?.split('\n')[0] || '—'}</small>
        </span>
      ),
    },
    { key: 'mode', title: t('field.mode'), width: 170, render: ({ definition }) => t(`mode.${definition.mode ?? 'flow'}`) },
    { key: 'language', title: t('field.language'), width: 150, render: ({ definition }) => language(definition.language) },
    { key: 'voice', title: t('field.voice'), width: 180, render: ({ definition }) => definition.providers?.s2s ?? definition.providers?.bot ?? definition.providers?.tts?.[0] ?? (definition.mode === 'external' ? <Nothing /> : t('list.demo_voice')) },
    { key: 'version', title: t('field.version'), width: 90, align: 'right', render: ({ version }) => <span className="cw-num">{version}</span> },
    { key: 'updated', title: t('field.updated'), width: 170, render: ({ updated_at }) => <TimeText at={updated_at} /> },
    { key: 'actions', title: t('field.actions'), width: 90, fixed: 'end', quiet: true, render: (assistant) => <Actions assistant={assistant} talk={talk} /> },
  ]
}

function Actions({ assistant, talk }: { assistant: Assistant; talk: (id: string) => void }) {
  const { t } = useTranslation('assistants')
  const can = useCan()
  const fail = useFail()
  const client = useQueryClient()
  const navigate = useNavigate()
  const copy = useMutation({
    mutationFn: () => read(api.POST('/api/v1/assistants', { body: { ...assistant.definition, name: t('list.copy_name', { name: assistant.definition.name }).slice(0, 100) } })),
    async onSuccess(made) {
      await client.invalidateQueries({ queryKey: assistantsQuery.queryKey })
      void navigate({ to: `/assistants/${made.id}` })
    },
    onError: fail,
  })
  const right = t('list.no_right')
  return (
    <span className="cw-buttons">
      <IconButton icon={Mic} label={t('talk.open')} why={can('calls:talk') ? undefined : right} onClick={() => talk(assistant.id)} />
      <IconButton icon={Copy} label={t('list.duplicate')} why={can('assistants:write') ? undefined : right} loading={copy.isPending} onClick={() => copy.mutate()} />
    </span>
  )
}
