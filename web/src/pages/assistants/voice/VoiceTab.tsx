/** Who hears, thinks and speaks, how patient the assistant is, and what it tells everybody and machines. */
import { useQuery } from '@tanstack/react-query'
import { Input, Select } from 'antd'
import { lazy, Suspense, useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Schema } from '@/api/client'
import { providersQuery } from '@/api/organisation'
import { useCan } from '@/api/session'
import { Card } from '@/ui/Card'
import { ALWAYS } from '../model/checks'
import { useDraft } from '../parts/draft'
import { Field, SwitchField } from '../parts/Field'
import { TemplateArea } from '../parts/TemplateArea'

const Patience = lazy(() => import('./Patience'))
const ModelFields = lazy(() => import('./ModelFields'))

export default function VoiceTab() {
  return (
    <div>
      <div className="cw-two">
        <div className="cw-stack">
          <ProvidersCard />
          <Suspense><Patience /></Suspense>
        </div>
        <div className="cw-stack">
          <Disclosures />
          <Machines />
        </div>
      </div>
    </div>
  )
}

const LISTS = ['stt', 'llm', 'tts'] as const
const SINGLES = ['s2s', 'bot'] as const

function ProvidersCard() {
  const { t } = useTranslation('assistants')
  const { definition, change } = useDraft()
  const can = useCan()
  const providers = useQuery({ ...providersQuery, enabled: can('settings:read') })
  const mode = definition.mode ?? 'flow'
  const chosen = definition.providers ?? {}
  const put = (next: Partial<Schema['Providers']>) => change({ providers: { ...chosen, ...next } })
  const options = (stage: Schema['Stage']) => providers.data?.items.filter((one) => one.stage === stage).map((one) => ({ value: one.name, label: one.enabled ? one.name : `${one.name} (${t('voice.off')})` })) ?? []
  const lists = mode === 'speech_to_speech' ? [] : mode === 'external' ? (['stt', 'tts'] as const) : LISTS
  return (
    <Card title={t('voice.providers')}>
      <p className="cw-soft cw-gap">{t(`voice.providers_${mode}`)}</p>
      {lists.map((stage) => (
        <Field key={stage} label={t(`stage.${stage}`)} extra={t(`voice.${stage}_hint`)} pointer={`/providers/${stage}`}>
          <Select mode="multiple" maxCount={3} value={chosen[stage] ?? []} placeholder={t(stage === 'llm' ? 'voice.none' : 'voice.offline')} onChange={(names: string[]) => put({ [stage]: names })} options={options(stage)} />
        </Field>
      ))}
      {SINGLES.filter((stage) => (stage === 's2s') === (mode === 'speech_to_speech') && (mode === 'speech_to_speech' || mode === 'external')).map((stage) => (
        <Field key={stage} label={t(`stage.${stage}`)} pointer={`/providers/${stage}`}>
          <Select allowClear value={chosen[stage] ?? undefined} placeholder={t('voice.none')} onChange={(name: string | undefined) => put({ [stage]: name ?? null })} options={options(stage)} />
        </Field>
      ))}
      <Field label={t('field.voice')} extra={t('voice.voice_hint')} pointer="/voice">
        <Input value={definition.voice ?? ''} spellCheck={false} placeholder="en-us" onChange={(event) => change((old) => ({ ...old, voice: event.target.value }), 'voice')} />
      </Field>
      {(chosen.tts?.length ?? 0) > 1 && chosen.tts!.slice(1).map((name) => (
        <Field key={name} label={t('voice.voice_of', { name })} pointer={`/voices/${name}`}>
          <Input value={definition.voices?.[name] ?? ''} spellCheck={false} onChange={(event) => change({ voices: { ...definition.voices, [name]: event.target.value } }, `voice ${name}`)} />
        </Field>
      ))}
      {mode === 'llm' && <Suspense><ModelFields /></Suspense>}
    </Card>
  )
}

function useKnown(): Set<string> {
  const { definition } = useDraft()
  return useMemo(() => new Set([...Object.keys(definition.variables ?? {}), ...ALWAYS]), [definition.variables])
}

function Disclosures() {
  const { t } = useTranslation('assistants')
  const { definition, change } = useDraft()
  const known = useKnown()
  const told = definition.disclosure ?? {}
  const put = (next: Partial<Schema['Disclosure']>, place?: string) => change({ disclosure: { ...told, ...next } }, place)
  const kept = definition.recording ?? {}
  return (
    <Card title={t('voice.disclosure')}>
      <SwitchField label={t('voice.tell_ai')} checked={told.ai ?? false} onChange={(ai) => put({ ai })} />
      {told.ai && <Field label={t('voice.words')} extra={t('voice.words_hint')} pointer="/disclosure/ai_text"><TemplateArea known={known} rows={2} value={told.ai_text ?? ''} onChange={(text) => put({ ai_text: text || null }, 'ai_text')} /></Field>}
      <SwitchField label={t('voice.tell_recording')} checked={told.recording ?? false} onChange={(recording) => put({ recording })} />
      {told.recording && <Field label={t('voice.words')} extra={t('voice.words_hint')} pointer="/disclosure/recording_text"><TemplateArea known={known} rows={2} value={told.recording_text ?? ''} onChange={(text) => put({ recording_text: text || null }, 'recording_text')} /></Field>}
      <SwitchField label={t('voice.record')} checked={kept.audio ?? true} onChange={(audio) => change({ recording: { ...kept, audio } })} />
      <SwitchField label={t('voice.cards')} extra={t('voice.cards_hint')} checked={kept.pause_for_cards ?? true} onChange={(on) => change({ recording: { ...kept, pause_for_cards: on } })} />
    </Card>
  )
}

function Machines() {
  const { t } = useTranslation('assistants')
  const { definition, change } = useDraft()
  const known = useKnown()
  const mail = definition.voicemail ?? {}
  const screening = definition.screening
  return (
    <Card title={t('voice.machines')}>
      <Field label={t('voice.voicemail')} pointer="/voicemail/policy">
        <Select value={mail.policy ?? 'hang_up'} onChange={(policy) => change({ voicemail: { ...mail, policy } })} options={(['hang_up', 'leave_message'] as const).map((value) => ({ value, label: t(`voice.mail_${value}`) }))} />
      </Field>
      {mail.policy === 'leave_message' && <Field label={t('voice.message')} pointer="/voicemail/message"><TemplateArea known={known} rows={3} maxLength={1000} value={mail.message ?? ''} onChange={(message) => change({ voicemail: { ...mail, message } }, 'message')} /></Field>}
      <SwitchField label={t('voice.screening')} extra={t('voice.screening_hint')} checked={Boolean(screening)} onChange={(on) => change({ screening: on ? { name: '', reason: '' } : null })} />
      {screening && (
        <>
          <Field label={t('voice.screening_name')} pointer="/screening/name"><TemplateArea known={known} rows={1} maxLength={80} value={screening.name} onChange={(name) => change({ screening: { ...screening, name } }, 'screening_name')} /></Field>
          <Field label={t('voice.screening_reason')} pointer="/screening/reason"><TemplateArea known={known} rows={2} maxLength={200} value={screening.reason} onChange={(reason) => change({ screening: { ...screening, reason } }, 'screening_reason')} /></Field>
        </>
      )}
    </Card>
  )
}
