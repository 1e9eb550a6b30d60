/** Who hears, thinks and speaks, how patient the assistant is, and what it tells everybody and machines. */
import { useQuery } from '@tanstack/react-query'
import { Input, InputNumber, Select } from 'antd'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Definition } from '@/api/assistants'
import type { Schema } from '@/api/client'
import { providersQuery } from '@/api/organisation'
import { useCan } from '@/api/session'
import { Card } from '@/ui/Card'
import { ALWAYS } from '../model/checks'
import { useDraft } from '../parts/draft'
import { Field, SwitchField } from '../parts/Field'
import { NumberField } from '../parts/NumberField'
import { TemplateArea } from '../parts/TemplateArea'

export default function VoiceTab() {
  return (
    <div>
      <div className="cw-two">
        <div className="cw-stack">
          <ProvidersCard />
          <Patience />
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
      {mode === 'llm' && (
        <div className="cw-fields">
          <Field label={t('voice.temperature')} extra={t('voice.temperature_hint')} pointer="/model/temperature">
            <InputNumber<number> min={0} max={2} step={0.1} value={definition.model?.temperature ?? null} onChange={(temperature) => change({ model: { ...definition.model, temperature } })} style={{ width: '100%' }} />
          </Field>
          <NumberField label={t('voice.max_tokens')} pointer="/model/max_tokens" value={definition.model?.max_tokens} min={16} max={4096} usual={400} onChange={(value) => change({ model: { ...definition.model, max_tokens: value ?? 400 } })} />
        </div>
      )}
    </Card>
  )
}

/** Settings of patience in milliseconds, with their ends and what is usual. */
const TURN = {
  usual: [['greeting_wait_ms', 0, 5000, 1000], ['end_of_turn_ms', 100, 2000, 300], ['longest_pause_ms', 500, 10_000, 2500], ['idle_ms', 3000, 60_000, 8000]],
  more: [['dictation_pause_ms', 500, 10_000, undefined], ['barge_in_ms', 100, 2000, 300], ['barge_in_words', 1, 5, 2], ['idle_prompts', 0, 5, 2], ['digit_pause_ms', 1000, 10_000, 4000]],
} as const

function Patience() {
  const { t } = useTranslation('assistants')
  const { definition, change } = useDraft()
  const turn = definition.turn ?? {}
  const put = (next: Partial<Schema['TurnSettings']>, place?: string) => change({ turn: { ...turn, ...next } }, place)
  const numbers = (fields: readonly (readonly [keyof Definition & string, number, number, number | undefined] | readonly [string, number, number, number | undefined])[]) => (
    <div className="cw-fields">
      {fields.map(([name, min, max, usual]) => (
        <NumberField key={name} label={t(`turn.${name}`)} hint={t(`turn_hint.${name}`)} pointer={`/turn/${name}`} value={turn[name as 'idle_ms']} min={min} max={max} usual={usual} step={name.endsWith('_ms') ? 100 : 1} onChange={(value) => put({ [name]: value })} />
      ))}
    </div>
  )
  return (
    <Card title={t('voice.patience')}>
      {numbers(TURN.usual)}
      <SwitchField label={t('turn.interruptible')} checked={turn.interruptible ?? true} onChange={(interruptible) => put({ interruptible })} />
      <details className="cw-details">
        <summary>{t('voice.more')}</summary>
              {numbers(TURN.more)}
              <SwitchField label={t('turn.eager')} extra={t('turn_hint.eager')} checked={turn.eager ?? true} onChange={(eager) => put({ eager })} />
              <Field label={t('turn.backchannels')} extra={t('turn_hint.backchannels')} pointer="/turn/backchannels">
                <Select mode="tags" open={false} suffixIcon={null} maxCount={50} value={turn.backchannels ?? []} tokenSeparators={[',', ';']} onChange={(backchannels: string[]) => put({ backchannels })} />
              </Field>
      </details>
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
