/** One assistant: its head, what saving was refused for, and a tab. All tabs change the same draft. */
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { lazy, Suspense, type ComponentType } from 'react'
import { useTranslation } from 'react-i18next'
import { assistantQuery } from '@/api/assistants'
import { useCrumbs } from '@/app/crumbs'
import { NotFoundPage } from '@/app/pages/NotFoundPage'
import { PageSkeleton } from '@/app/shell/PageSkeleton'
import { PageTabs } from '@/ui/PageTabs'
import '../assistants.css'
import { DraftProvider, useDraft } from '../parts/draft'
import { AssistantProblem } from './AssistantProblem'
import { Head } from './Head'

const TABS: Record<string, ComponentType> = {
  prompt: lazy(() => import('../prompt/PromptTab')),
  flow: lazy(() => import('../flow/FlowTab')),
  variables: lazy(() => import('../variables/VariablesTab')),
  voice: lazy(() => import('../voice/VoiceTab')),
  knowledge: lazy(() => import('../knowledge/KnowledgeTab')),
  tools: lazy(() => import('../tools/ToolsTab')),
}

export default function DetailPage() {
  const { id = '', tab = '' } = useParams({ strict: false }) as { id?: string; tab?: string }
  const assistant = useQuery(assistantQuery(id))
  if (assistant.error !== null && assistant.data === undefined) return <AssistantProblem error={assistant.error} retry={() => void assistant.refetch()} />
  if (assistant.data === undefined) return <PageSkeleton />
  const Shown = TABS[tab]
  if (Shown === undefined) return <NotFoundPage />
  return (
    <DraftProvider key={id} assistant={assistant.data}>
      <Detail tab={tab} Shown={Shown} />
    </DraftProvider>
  )
}

function Detail({ tab, Shown }: { tab: string; Shown: ComponentType }) {
  const { t } = useTranslation('assistants')
  const { assistant } = useDraft()
  useCrumbs({ label: t('common:nav.assistants'), to: '/assistants' }, { label: assistant.definition.name, to: `/assistants/${assistant.id}` }, { label: t(`tab.${tab}`) })
  const tabs = Object.keys(TABS).map((name) => ({ to: `/assistants/${assistant.id}/${name}`, label: t(`tab.${name}`) }))
  return (
    <>
      <Head />
      <PageTabs tabs={tabs} label={t('tab.label')} />
      <Suspense fallback={<PageSkeleton />}>
        <Shown />
      </Suspense>
    </>
  )
}
