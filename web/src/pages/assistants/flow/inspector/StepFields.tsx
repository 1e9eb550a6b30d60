/** What can be set of the simpler blocks. */
import { AutoComplete, Input, Select } from 'antd'
import { useTranslation } from 'react-i18next'
import { BUILTINS } from '../../model/checks'
import { useDraft } from '../../parts/draft'
import { Field } from '../../parts/Field'
import { JsonArea } from '../../parts/JsonArea'
import { TemplateArea } from '../../parts/TemplateArea'
import type { StepProps } from './Inspector'

/** Characters that a spoken text may have. */
export const MOST_WORDS = 1000

export function SayFields({ editor, node, set, pointer }: StepProps) {
  const { t } = useTranslation('assistants')
  const say = node.say!
  return (
    <Field label={t('flow.text')} pointer={`${pointer}/text`}>
      <TemplateArea known={editor.known} rows={4} maxLength={MOST_WORDS} value={say.text} onChange={(text) => set({ ...node, say: { ...say, text } }, 'text')} />
    </Field>
  )
}

export function EndFields({ editor, node, set, pointer }: StepProps) {
  const { t } = useTranslation('assistants')
  const end = node.end!
  return (
    <>
      <Field label={t('flow.last_words')} extra={t('flow.last_words_hint')} pointer={`${pointer}/text`}>
        <TemplateArea known={editor.known} rows={3} maxLength={MOST_WORDS} value={end.text ?? ''} onChange={(text) => set({ ...node, end: { ...end, text: text || null } }, 'text')} />
      </Field>
      <Field label={t('flow.reason')} extra={t('flow.reason_hint')} pointer={`${pointer}/reason`}>
        <Input value={end.reason ?? ''} placeholder="completed" spellCheck={false} onChange={(event) => set({ ...node, end: { text: end.text ?? null, ...(event.target.value ? { reason: event.target.value } : {}) } }, 'reason')} />
      </Field>
    </>
  )
}

export function ToolFields({ editor, node, set, pointer }: StepProps) {
  const { t } = useTranslation('assistants')
  const { definition } = useDraft()
  const tool = node.tool!
  const put = (change: Partial<typeof tool>, field?: string) => set({ ...node, tool: { ...tool, ...change } }, field)
  const own = (definition.tools ?? []).filter((one) => one.kind !== 'builtin').map((one) => ({ value: one.kind === 'mcp' ? `${one.name}_` : one.name, label: one.kind === 'mcp' ? `${one.name}_…` : one.name }))
  return (
    <>
      <Field label={t('flow.tool')} pointer={`${pointer}/name`} extra={own.some((one) => one.value === tool.name && one.value.endsWith('_')) ? t('flow.mcp_name') : undefined}>
        <AutoComplete
          value={tool.name}
          onChange={(name: string) => put({ name }, 'name')}
          showSearch={{ filterOption: (typed, option) => String((option as { value?: string } | undefined)?.value ?? '').includes(typed) }}
          options={[
            { label: t('flow.own_tools'), options: own },
            { label: t('flow.builtin_tools'), options: BUILTINS.map((value) => ({ value, label: value })) },
          ]}
        />
      </Field>
      <Field label={t('flow.while')} extra={t('flow.while_hint')} pointer={`${pointer}/text`}>
        <TemplateArea known={editor.known} rows={2} maxLength={MOST_WORDS} value={tool.text ?? ''} onChange={(text) => put({ text: text || null }, 'text')} />
      </Field>
      <Field label={t('flow.arguments')} extra={t('flow.arguments_hint')} pointer={`${pointer}/arguments`}>
        <JsonArea value={tool.arguments} onChange={(value) => put({ arguments: value as NonNullable<typeof tool.arguments> }, 'arguments')} />
      </Field>
      <Field label={t('flow.into')} extra={t('flow.into_hint')} pointer={`${pointer}/into`}>
        <Input value={tool.into ?? ''} spellCheck={false} onChange={(event) => put({ into: event.target.value || null }, 'into')} />
      </Field>
    </>
  )
}

export function TransferFields({ editor, node, set, pointer }: StepProps) {
  const { t } = useTranslation('assistants')
  const { definition } = useDraft()
  const transfer = node.transfer!
  const targets = definition.transfers ?? []
  return (
    <>
      <Field label={t('flow.target')} pointer={`${pointer}/target`} extra={targets.length === 0 ? t('flow.no_targets') : undefined}>
        <Select
          value={transfer.target || undefined}
          placeholder={t('flow.choose_target')}
          onChange={(target: string) => set({ ...node, transfer: { ...transfer, target } })}
          options={targets.map((one) => ({ value: one.name, label: one.name, title: one.to }))}
        />
      </Field>
      <Field label={t('flow.before')} pointer={`${pointer}/text`}>
        <TemplateArea known={editor.known} rows={2} maxLength={MOST_WORDS} value={transfer.text ?? ''} onChange={(text) => set({ ...node, transfer: { ...transfer, text: text || null } }, 'text')} />
      </Field>
    </>
  )
}
