/** Documents and web pages that the assistant looks into, and a question to try them with. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Button, Checkbox, Input } from 'antd'
import { lazy, Suspense, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { knowledgeQuery, type Document } from '@/api/assistants'
import { api, changeHeaders, read } from '@/api/client'
import { problemOf } from '@/api/problem'
import { Card } from '@/ui/Card'
import { Empty } from '@/ui/Empty'
import { IconButton } from '@/ui/IconButton'
import { Globe, RefreshCw, Search, Trash2, Upload } from '@/ui/icons'
import { ProblemAlert } from '@/ui/Problem'
import { useConfirm } from '@/ui/useConfirm'
import { useFail } from '@/ui/useFail'
import { NumberText, TimeText } from '@/ui/values'
import { useDraft } from '../parts/draft'
import { SwitchField } from '../parts/Field'
import { NumberField } from '../parts/NumberField'

const FetchModal = lazy(() => import('./FetchModal'))

const TYPES: Record<string, string> = { txt: 'text/plain', md: 'text/markdown', html: 'text/html', htm: 'text/html', pdf: 'application/pdf' }

export default function KnowledgeTab() {
  return (
    <div className="cw-two">
      <Documents />
      <div className="cw-stack">
        <Ask />
        <LookupCard />
      </div>
    </div>
  )
}

function Documents() {
  const { t } = useTranslation('assistants')
  const { definition, change, editable } = useDraft()
  const documents = useQuery(knowledgeQuery)
  const [fetching, setFetching] = useState(false)
  const chosen = definition.knowledge ?? []
  const choose = (id: string, on: boolean) => change({ knowledge: on ? [...chosen, id] : chosen.filter((one) => one !== id) })
  const actions = editable && (
    <>
      <UploadButton added={(id) => choose(id, true)} />
      <Button icon={<Globe size={15} />} onClick={() => setFetching(true)}>{t('knowledge.fetch')}</Button>
    </>
  )
  return (
    <Card title={t('tab.knowledge')} actions={actions}>
      <p className="cw-soft cw-gap">{t('knowledge.text')}</p>
      <ProblemAlert error={documents.error} retry={() => void documents.refetch()} />
      {documents.data?.items.length === 0 && <Empty text={t('knowledge.none')} />}
      <ul className="cw-documents">
        {documents.data?.items.map((document) => <Row key={document.id} document={document} chosen={chosen.includes(document.id)} choose={(on) => choose(document.id, on)} />)}
      </ul>
      {fetching && <Suspense><FetchModal close={() => setFetching(false)} added={(id) => choose(id, true)} /></Suspense>}
    </Card>
  )
}

function Row({ document, chosen, choose }: { document: Document; chosen: boolean; choose: (on: boolean) => void }) {
  const { t } = useTranslation('assistants')
  const { editable } = useDraft()
  const client = useQueryClient()
  const fail = useFail()
  const confirm = useConfirm()
  const path = { params: { path: { id: document.id } } }
  const anew = () => client.invalidateQueries({ queryKey: knowledgeQuery.queryKey })
  const refresh = useMutation({ mutationFn: () => api.POST('/api/v1/knowledge/{id}/refresh', path), onSuccess: anew, onError: fail })
  const remove = async () => {
    if (!(await confirm({ title: t('knowledge.remove_title', { title: document.title }), text: t('knowledge.remove_text'), ok: t('common:action.delete'), danger: true }))) return
    try {
      await api.DELETE('/api/v1/knowledge/{id}', path)
      if (chosen) choose(false)
      await anew()
    } catch (error) {
      fail(error)
    }
  }
  return (
    <li>
      <Checkbox checked={chosen} disabled={!editable} onChange={(event) => choose(event.target.checked)}>
        <span className="cw-cell-two">
          <span>{document.title}</span>
          <small>{t(`knowledge.kind.${document.kind}`, { defaultValue: document.kind })} · {t('knowledge.chunks', { count: document.chunks })} · <NumberText value={document.characters} /> {t('knowledge.characters')} · <TimeText at={document.updated_at} /></small>
          {document.embedding_error && <small className="cw-warn">{document.embedding_error}</small>}
        </span>
      </Checkbox>
      {editable && (
        <span className="cw-buttons">
          {document.kind === 'web' && <IconButton icon={RefreshCw} label={t('knowledge.refresh', { title: document.title })} loading={refresh.isPending} onClick={() => refresh.mutate()} />}
          <IconButton icon={Trash2} danger label={t('knowledge.remove', { title: document.title })} onClick={() => void remove()} />
        </span>
      )}
    </li>
  )
}

function UploadButton({ added }: { added: (id: string) => void }) {
  const { t } = useTranslation('assistants')
  const { definition } = useDraft()
  const { message } = App.useApp()
  const client = useQueryClient()
  const fail = useFail()
  const picker = useRef<HTMLInputElement>(null)
  const upload = useMutation({
    async mutationFn(file: File) {
      const query = new URLSearchParams({ title: file.name.replace(/\.\w+$/, ''), language: definition.language ?? 'en' })
      const type = TYPES[file.name.split('.').at(-1)!.toLowerCase()] ?? file.type
      const response = await fetch(`/api/v1/knowledge?${query}`, { method: 'POST', credentials: 'same-origin', headers: { ...changeHeaders('POST'), 'Content-Type': type }, body: file })
      if (!response.ok) throw await problemOf(response)
      return (await response.json()) as Document
    },
    async onSuccess(document) {
      added(document.id)
      message.success(t('knowledge.added', { title: document.title }))
      await client.invalidateQueries({ queryKey: knowledgeQuery.queryKey })
    },
    onError: fail,
  })
  return (
    <>
      <input
        ref={picker}
        type="file"
        hidden
        accept=".txt,.md,.html,.htm,.pdf"
        onChange={(event) => {
          const [file] = event.target.files ?? []
          if (file) upload.mutate(file)
          event.target.value = ''
        }}
      />
      <Button icon={<Upload size={15} />} loading={upload.isPending} onClick={() => picker.current?.click()}>{t('knowledge.upload')}</Button>
    </>
  )
}

function Ask() {
  const { t } = useTranslation('assistants')
  const { definition } = useDraft()
  const sources = definition.knowledge ?? []
  const [question, setQuestion] = useState('')
  const asked = useMutation({ mutationFn: () => read(api.POST('/api/v1/knowledge/search', { body: { question, sources, limit: definition.lookup?.passages ?? 3 } })) })
  const ask = () => question.trim() !== '' && sources.length > 0 && asked.mutate()
  return (
    <Card title={t('knowledge.ask')}>
      <p className="cw-soft cw-gap">{t(sources.length === 0 ? 'knowledge.ask_none' : 'knowledge.ask_text')}</p>
      <div className="cw-line cw-nowrap">
        <Input value={question} disabled={sources.length === 0} aria-label={t('knowledge.question')} placeholder={t('knowledge.question')} onChange={(event) => setQuestion(event.target.value)} onPressEnter={ask} />
        <Button icon={<Search size={15} />} loading={asked.isPending} disabled={sources.length === 0} onClick={ask}>{t('knowledge.search')}</Button>
      </div>
      <ProblemAlert error={asked.error} />
      <div role="status">
        {asked.data?.passages.length === 0 && <p className="cw-gap-top">{t('knowledge.nothing')}</p>}
        {asked.data && asked.data.passages.length > 0 && <p className="cw-caption cw-gap-top">{t(asked.data.by_meaning ? 'knowledge.by_meaning' : 'knowledge.by_words')}</p>}
      </div>
      <ol className="cw-passages">{asked.data?.passages.map((passage, index) => <li key={index}><strong>{passage.name}</strong><p>{passage.text}</p></li>)}</ol>
    </Card>
  )
}

function LookupCard() {
  const { t } = useTranslation('assistants')
  const { definition, change } = useDraft()
  if (definition.mode !== 'llm') return null
  const lookup = definition.lookup ?? {}
  return (
    <Card title={t('knowledge.lookup')}>
      <div>
        <SwitchField label={t('knowledge.automatic')} extra={t('knowledge.automatic_hint')} checked={lookup.automatic ?? true} onChange={(automatic) => change({ lookup: { ...lookup, automatic } })} />
        <NumberField label={t('knowledge.passages')} pointer="/lookup/passages" value={lookup.passages} min={1} max={10} usual={3} onChange={(value) => change({ lookup: { ...lookup, passages: value ?? 3 } })} />
        <NumberField label={t('knowledge.limit')} pointer="/lookup/limit_ms" value={lookup.limit_ms} min={20} max={1000} usual={50} step={10} onChange={(value) => change({ lookup: { ...lookup, limit_ms: value ?? 50 } })} />
      </div>
    </Card>
  )
}
