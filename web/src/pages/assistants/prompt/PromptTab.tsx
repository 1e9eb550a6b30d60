/** Who the assistant is: name, language, what leads, the first and last words, the prompt, and how they read for a contact. */
import { Input, Select } from 'antd'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Card } from '@/ui/Card'
import { ALWAYS, knownNames } from '../model/checks'
import { fill, namesIn } from '../model/template'
import { useDraft } from '../parts/draft'
import { Field } from '../parts/Field'
import { TemplateArea } from '../parts/TemplateArea'
import { LANGUAGES, MODES, useLanguageName } from '../parts/words'

export default function PromptTab() {
  const { t } = useTranslation('assistants')
  const { definition, change } = useDraft()
  const language = useLanguageName()
  const mode = definition.mode ?? 'flow'
  const known = useMemo(() => new Set([...Object.keys(definition.variables ?? {}), ...ALWAYS]), [definition.variables])
  const languages = [...new Set<string>([...LANGUAGES, definition.language ?? 'en'])]
  return (
    <div className="cw-two">
      <Card>
        <div>
          <div className="cw-fields">
            <Field label={t('field.name')} pointer="/name"><Input value={definition.name} maxLength={100} onChange={(event) => change({ name: event.target.value }, 'name')} /></Field>
            <Field label={t('field.language')} pointer="/language"><Select value={definition.language ?? 'en'} onChange={(value) => change({ language: value })} options={languages.map((value) => ({ value, label: language(value) }))} /></Field>
          </div>
          <Field label={t('field.mode')} extra={t(`mode_hint.${mode}`)} pointer="/mode"><Select value={mode} onChange={(value) => change({ mode: value })} options={MODES.map((value) => ({ value, label: t(`mode.${value}`) }))} /></Field>
          <Field label={t('prompt.greeting')} extra={t(mode === 'flow' ? 'prompt.greeting_flow' : 'prompt.greeting_hint')} pointer="/greeting">
            <TemplateArea known={known} rows={2} maxLength={1000} value={definition.greeting ?? ''} onChange={(text) => change({ greeting: text || null }, 'greeting')} />
          </Field>
          {(mode === 'llm' || mode === 'speech_to_speech') && (
            <Field label={t('prompt.prompt')} extra={t('prompt.prompt_hint', { used: (definition.prompt ?? '').length })} pointer="/prompt">
              <TemplateArea known={known} rows={14} maxLength={20_000} value={definition.prompt ?? ''} onChange={(text) => change({ prompt: text || null }, 'prompt')} />
            </Field>
          )}
          <Field label={t('prompt.closing')} extra={t('prompt.closing_hint')} pointer="/closing">
            <TemplateArea known={known} rows={2} maxLength={1000} value={definition.closing ?? ''} onChange={(text) => change({ closing: text || null }, 'closing')} />
          </Field>
        </div>
      </Card>
      <Preview />
    </div>
  )
}

/** The texts with values put in, to be read as a contact hears them. */
function Preview() {
  const { t } = useTranslation('assistants')
  const { definition } = useDraft()
  const [values, setValues] = useState<Record<string, string>>({})
  const texts = [['greeting', definition.greeting], ['prompt', definition.prompt], ['closing', definition.closing]] as const
  const shown = texts.filter((text): text is readonly [(typeof texts)[number][0], string] => Boolean(text[1]))
  const used = [...new Set(shown.flatMap(([, text]) => namesIn(text).map((span) => span.name)))]
  const known = knownNames(undefined, definition)
  const value = (name: string) => values[name] || definition.variables?.[name]?.default || undefined
  return (
    <Card title={t('preview.title')}>
      {shown.length === 0 && <p className="cw-soft">{t('preview.none')}</p>}
      {used.length > 0 && (
        <div className="cw-preview-values">
          {used.map((name) => (
            <label key={name}>
              <span className="cw-code cw-ellipsis">{name}</span>
              <Input size="small" value={values[name] ?? ''} placeholder={definition.variables?.[name]?.default ?? (known.has(name) ? t('preview.value') : t('preview.unknown'))} onChange={(event) => setValues({ ...values, [name]: event.target.value })} />
            </label>
          ))}
        </div>
      )}
      <dl className="cw-preview">
        {shown.map(([name, text]) => (
          <div key={name}>
            <dt className="cw-caption">{t(`prompt.${name}`)}</dt>
            <dd>{fill(text, value)}</dd>
          </div>
        ))}
      </dl>
    </Card>
  )
}
