/** The flow of an assistant: as a graph or as a list, with the chosen block beside it. Both edit the same. */
import { Alert, Button, Segmented } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { PageSkeleton } from '@/app/shell/PageSkeleton'
import { useSearch } from '@/app/search-params'
import { Empty } from '@/ui/Empty'
import { IconButton } from '@/ui/IconButton'
import { LayoutGrid, Plus, Redo2, Undo2 } from '@/ui/icons'
import { useDraft } from '../parts/draft'
import { Findings } from './Findings'
import { Palette } from './Palette'
import { useFlowKeys } from './useFlowKeys'
import { useFlow } from './useFlow'

const Graph = lazy(() => import('./graph/Graph'))
const OutlineView = lazy(() => import('./OutlineView'))
const Inspector = lazy(() => import('./inspector/Inspector'))

export default function FlowTab() {
  const { t } = useTranslation('assistants')
  const draft = useDraft()
  const editor = useFlow()
  const [search, patch] = useSearch()
  const [tidied, setTidied] = useState(0)
  const view = search.view === 'list' ? 'list' : 'graph'
  useFlowKeys(editor)
  const guides = draft.definition.mode === 'llm'
  const unused = draft.definition.mode === 'speech_to_speech' || draft.definition.mode === 'external'

  return (
    <>
      {guides && <p className="cw-soft cw-flow-note">{t('flow.guides')}</p>}
      {unused && <Alert type="info" showIcon className="cw-problem" title={t('flow.unused')} />}
      <div className="cw-flow" data-open={editor.chosen ? true : undefined}>
        <div className="cw-flow-bar">
          <IconButton icon={Undo2} label={t('flow.undo')} why={draft.canUndo ? undefined : t('flow.nothing_to_undo')} onClick={draft.undo} />
          <IconButton icon={Redo2} label={t('flow.redo')} why={draft.canRedo ? undefined : t('flow.nothing_to_redo')} onClick={draft.redo} />
          {view === 'graph' && <Button size="small" icon={<LayoutGrid size={14} />} onClick={() => setTidied((count) => count + 1)}>{t('flow.tidy')}</Button>}
          <Segmented
            size="small"
            aria-label={t('flow.view')}
            value={view}
            onChange={(next) => patch({ view: next === 'list' ? 'list' : undefined }, { replace: true })}
            options={[{ value: 'graph', label: t('flow.graph') }, { value: 'list', label: t('flow.list') }]}
          />
          <Findings editor={editor} />
        </div>
        {editor.editable && <Palette editor={editor} />}
        <div className="cw-flow-area">
          {editor.flow.nodes.length === 0 ? (
            <Empty text={t('flow.empty')} action={editor.editable && <Button type="primary" icon={<Plus size={15} />} onClick={() => editor.add('say', null)}>{t('flow.first')}</Button>} />
          ) : view === 'list' ? (
            <Suspense fallback={<PageSkeleton />}><OutlineView editor={editor} /></Suspense>
          ) : (
            <Suspense fallback={<PageSkeleton />}>
              <Graph editor={editor} id={draft.assistant.id} tidied={tidied} />
            </Suspense>
          )}
        </div>
        {editor.chosen && <Suspense><Inspector key={editor.chosen.id} editor={editor} node={editor.chosen} /></Suspense>}
      </div>
    </>
  )
}
