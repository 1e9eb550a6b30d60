/** A question: its words, what counts as an answer, and what is done when none is understood. */
import { Button, Input, InputNumber, Select } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Schema } from '@/api/client'
import { IconButton } from '@/ui/IconButton'
import { Plus, Trash2 } from '@/ui/icons'
import { Field, SwitchField } from '../../parts/Field'
import { NumberField } from '../../parts/NumberField'
import { TemplateArea } from '../../parts/TemplateArea'
import type { StepProps } from './Inspector'
import { MOST_WORDS } from './StepFields'

type Answer = Schema['AnswerKind']
const ANSWERS = ['yes_no', 'choice', 'number', 'date', 'phone', 'email', 'open'] as const

/** What a kind of answer begins with. */
function blank(kind: Answer['kind']): Answer {
  switch (kind) {
    case 'choice': return { kind, options: [{ id: 'a', words: [] }, { id: 'b', words: [] }] }
    case 'number': return { kind, min_digits: 1, max_digits: 6 }
    case 'open': return { kind, max_seconds: 60 }
    default: return { kind }
  }
}

export function AskFields({ editor, node, set, pointer }: StepProps) {
  const { t } = useTranslation('assistants')
  const ask = node.ask!
  const put = (change: Partial<typeof ask>, field?: string) => set({ ...node, ask: { ...ask, ...change } }, field)
  return (
    <>
      <Field label={t('flow.question')} pointer={`${pointer}/text`}>
        <TemplateArea known={editor.known} rows={4} maxLength={MOST_WORDS} value={ask.text} onChange={(text) => put({ text }, 'text')} />
      </Field>
      <Field label={t('flow.answer')} extra={t(`answer_hint.${ask.answer.kind}`)} pointer={`${pointer}/answer`}>
        <Select value={ask.answer.kind} onChange={(kind) => put({ answer: blank(kind) })} options={ANSWERS.map((value) => ({ value, label: t(`answer.${value}`) }))} />
      </Field>
      <AnswerFields answer={ask.answer} put={(answer, field) => put({ answer }, field)} pointer={`${pointer}/answer`} disabled={!editor.editable} />
      <Field label={t('flow.save_as')} extra={t('flow.save_as_hint')} pointer={`${pointer}/name`}>
        <Input value={ask.name ?? ''} placeholder={node.id} spellCheck={false} className="cw-code" onChange={(event) => put({ name: event.target.value || null }, 'name')} />
      </Field>
      <NumberField label={t('flow.attempts')} pointer={`${pointer}/attempts`} value={ask.attempts} min={1} max={5} usual={3} onChange={(attempts) => put(attempts === null ? without(ask, 'attempts') : { attempts })} />
      <Field label={t('flow.again')} extra={t('flow.again_hint')} pointer={`${pointer}/hint`}>
        <TemplateArea known={editor.known} rows={2} maxLength={MOST_WORDS} value={ask.hint ?? ''} onChange={(hint) => put({ hint: hint || null }, 'hint')} />
      </Field>
      <SwitchField label={t('flow.confirm')} extra={t('flow.confirm_hint')} checked={ask.confirm ?? false} onChange={(confirm) => put({ confirm })} />
      <SwitchField label={t('flow.type_ahead')} extra={t('flow.type_ahead_hint')} checked={ask.type_ahead ?? true} onChange={(on) => put({ type_ahead: on })} />
    </>
  )
}

interface AnswerProps {
  answer: Answer
  put: (answer: Answer, field?: string) => void
  pointer: string
  disabled: boolean
}

function AnswerFields({ answer, put, pointer, disabled }: AnswerProps) {
  const { t } = useTranslation('assistants')
  switch (answer.kind) {
    case 'choice':
      return <Choices answer={answer} put={put} pointer={pointer} disabled={disabled} />
    case 'number':
      return (
        <div className="cw-fields cw-tight">
          <NumberField label={t('flow.min_digits')} pointer={`${pointer}/min_digits`} value={answer.min_digits} min={1} max={20} onChange={(value) => put({ ...answer, min_digits: value ?? 1 })} />
          <NumberField label={t('flow.max_digits')} pointer={`${pointer}/max_digits`} value={answer.max_digits} min={1} max={20} onChange={(value) => put({ ...answer, max_digits: value ?? answer.min_digits })} />
          <Field label={t('flow.least')} pointer={`${pointer}/min`}><InputNumber value={answer.min ?? null} min={0} onChange={(value) => put({ ...answer, min: value })} style={{ width: '100%' }} /></Field>
          <Field label={t('flow.most')} pointer={`${pointer}/max`}><InputNumber value={answer.max ?? null} min={0} onChange={(value) => put({ ...answer, max: value })} style={{ width: '100%' }} /></Field>
        </div>
      )
    case 'date':
      return (
        <Field label={t('flow.lean')} pointer={`${pointer}/lean`}>
          <Select value={answer.lean ?? 'future'} onChange={(lean) => put({ ...answer, lean })} options={(['future', 'past'] as const).map((value) => ({ value, label: t(`lean.${value}`) }))} />
        </Field>
      )
    case 'phone':
      return (
        <Field label={t('flow.country')} extra={t('flow.country_hint')} pointer={`${pointer}/country`}>
          <Input value={answer.country ?? ''} maxLength={2} placeholder="DE" onChange={(event) => put({ ...answer, country: event.target.value.toUpperCase() || null }, 'country')} />
        </Field>
      )
    case 'open':
      return <NumberField label={t('flow.max_seconds')} pointer={`${pointer}/max_seconds`} value={answer.max_seconds} min={1} max={300} onChange={(value) => put({ ...answer, max_seconds: value ?? 60 })} />
    default:
      return null
  }
}

function Choices({ answer, put, pointer, disabled }: AnswerProps & { answer: Extract<Answer, { kind: 'choice' }> }) {
  const { t } = useTranslation('assistants')
  const { options } = answer
  const change = (at: number, change: Partial<Schema['Choice']>, field?: string) => put({ ...answer, options: options.map((one, index) => (index === at ? { ...one, ...change } : one)) }, field && `${field}${at}`)
  return (
    <fieldset className="cw-choices">
      <legend>{t('flow.choices')}</legend>
      {options.map((option, index) => (
        <div key={index} className="cw-choice">
          <Field label={t('flow.choice_value')} pointer={`${pointer}/options/${index}/id`}>
            <Input size="small" value={option.id} spellCheck={false} onChange={(event) => change(index, { id: event.target.value }, 'id')} />
          </Field>
          <Field label={t('flow.choice_key')} pointer={`${pointer}/options/${index}/dtmf`}>
            <Input size="small" value={option.dtmf ?? ''} maxLength={1} placeholder={String(index + 1)} inputMode="numeric" onChange={(event) => change(index, { dtmf: event.target.value.replace(/\D/g, '') || null })} />
          </Field>
          {!disabled && <IconButton icon={Trash2} danger label={t('flow.remove_choice', { choice: option.id })} onClick={() => put({ ...answer, options: options.filter((_, at) => at !== index) })} />}
          <Field label={t('flow.choice_words')} pointer={`${pointer}/options/${index}/words`}>
            <Select mode="tags" open={false} suffixIcon={null} size="small" value={option.words} maxCount={10} tokenSeparators={[',', ';']} onChange={(words: string[]) => change(index, { words })} />
          </Field>
        </div>
      ))}
      {!disabled && options.length < 9 && <Button size="small" type="dashed" icon={<Plus size={14} />} onClick={() => put({ ...answer, options: [...options, { id: nextId(options), words: [] }] })}>{t('flow.add_choice')}</Button>}
    </fieldset>
  )
}

function nextId(options: readonly Schema['Choice'][]): string {
  const free = [...'abcdefghi'].find((letter) => !options.some((option) => option.id === letter))
  return free ?? String(options.length + 1)
}

function without<T extends object>(value: T, key: keyof T): T {
  return { ...value, [key]: undefined }
}
