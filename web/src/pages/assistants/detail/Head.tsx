/** Name, version, what is not saved; talking and saving. */
import { useQuery } from '@tanstack/react-query'
import { Alert, Button } from 'antd'
import { lazy, Suspense } from 'react'
import { useTranslation } from 'react-i18next'
import { assistantQuery } from '@/api/assistants'
import { useCan } from '@/api/session'
import { useSearch } from '@/app/search-params'
import { CircleCheck, CircleDashed, Mic, Save } from '@/ui/icons'
import { PageHeader } from '@/ui/PageHeader'
import { ProblemAlert } from '@/ui/Problem'
import { StatusTag } from '@/ui/status/StatusTag'
import { TimeText } from '@/ui/values'
import { WhyButton } from '@/ui/WhyButton'
import { useDraft } from '../parts/draft'

const TalkDrawer = lazy(() => import('../talk/TalkDrawer'))

export function Head() {
  const { t } = useTranslation('assistants')
  const draft = useDraft()
  const can = useCan()
  const [search, patch] = useSearch()
  const { assistant } = draft
  const whyNotSave = !draft.editable ? t('list.no_right') : !draft.dirty ? t('head.nothing_to_save') : undefined
  const whyNotTalk = !can('calls:talk') ? t('list.no_right') : draft.dirty ? t('head.save_to_talk') : undefined
  return (
    <>
      <PageHeader
        title={draft.definition.name || assistant.definition.name}
        tag={
          draft.dirty ? (
            <StatusTag tone="partial" icon={CircleDashed} tooltip={t('head.draft_hint')}>{t('head.draft', { version: assistant.version + 1 })}</StatusTag>
          ) : (
            <StatusTag tone="success" icon={CircleCheck} tooltip={t('head.live_hint')}>{t('head.live', { version: assistant.version })}</StatusTag>
          )
        }
        facts={<><span>{t(`mode.${draft.definition.mode ?? 'flow'}`)}</span><span>{t('head.saved')} <TimeText at={assistant.updated_at} /></span></>}
        actions={
          <>
            <WhyButton icon={<Mic size={16} />} why={whyNotTalk} onClick={() => patch({ talk: '1' }, { replace: true })}>{t('talk.open')}</WhyButton>
            <WhyButton type="primary" icon={<Save size={16} />} why={whyNotSave} loading={draft.saving} onClick={() => void draft.save()}>{t('head.save', { version: assistant.version + 1 })}</WhyButton>
          </>
        }
      />
      {draft.problem && <ProblemAlert error={draft.problem} />}
      {draft.conflict && <ConflictAlert />}
      {search.talk === '1' && <Suspense><TalkDrawer assistant={assistant} close={() => patch({ talk: undefined }, { replace: true })} /></Suspense>}
    </>
  )
}

/** Somebody saved first: theirs, or mine over theirs. */
function ConflictAlert() {
  const { t } = useTranslation('assistants')
  const { assistant, takeTheirs, keepMine } = useDraft()
  const theirs = useQuery({ ...assistantQuery(assistant.id), staleTime: 0, refetchOnMount: 'always' }).data
  const ready = theirs !== undefined && theirs.version > assistant.version ? theirs : undefined
  return (
    <Alert
      type="warning"
      showIcon
      className="cw-problem"
      title={t('conflict.title')}
      description={t('conflict.text', { version: ready?.version ?? '…' })}
      action={
        <span className="cw-line">
          <Button size="small" disabled={!ready} onClick={() => ready && takeTheirs(ready)}>{t('conflict.theirs')}</Button>
          <Button size="small" disabled={!ready} onClick={() => ready && keepMine(ready)}>{t('conflict.mine')}</Button>
        </span>
      }
    />
  )
}
