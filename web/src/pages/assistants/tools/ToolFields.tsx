/** The forms of a tool of one's own, of an MCP server, and of somebody the call can be handed to. */
import { Input, Select } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Schema } from '@/api/client'
import { ALWAYS } from '../model/checks'
import { useDraft } from '../parts/draft'
import { Field, SwitchField } from '../parts/Field'
import { NumberField } from '../parts/NumberField'
import { JsonArea } from '../parts/JsonArea'
import { TemplateArea } from '../parts/TemplateArea'

type Http = Extract<Schema['Tool'], { kind: 'http' }>
type Mcp = Extract<Schema['Tool'], { kind: 'mcp' }>

interface Props<T> {
  pointer: string
  put: (value: T, place?: string) => void
}

const METHODS: Schema['HttpMethod'][] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

export function HttpFields({ tool, pointer, put }: Props<Http> & { tool: Http }) {
  const { t } = useTranslation('assistants')
  const set = (change: Partial<Http>, place?: string) => put({ ...tool, ...change }, place)
  return (
    <>
      <div className="cw-fields">
        <Field label={t('field.name')} extra={t('tools.name_hint')} pointer={`${pointer}/name`}><Input className="cw-code" value={tool.name} maxLength={64} spellCheck={false} onChange={(event) => set({ name: event.target.value }, 'name')} /></Field>
        <NumberField label={t('tools.timeout')} pointer={`${pointer}/timeout_ms`} value={tool.timeout_ms} min={100} max={60_000} usual={10_000} step={500} onChange={(value) => set({ timeout_ms: value ?? 10_000 })} />
      </div>
      <Field label={t('tools.description')} extra={t('tools.description_hint')} pointer={`${pointer}/description`}><Input.TextArea value={tool.description} maxLength={1000} autoSize={{ minRows: 2, maxRows: 6 }} onChange={(event) => set({ description: event.target.value }, 'description')} /></Field>
      <div className="cw-fields">
        <Field label={t('tools.method')} pointer={`${pointer}/method`}><Select value={tool.method ?? 'POST'} onChange={(method) => set({ method })} options={METHODS.map((value) => ({ value, label: value }))} /></Field>
        <Field label={t('tools.sign_with')} extra={t('tools.sign_with_hint')} pointer={`${pointer}/sign_with`}><Input value={tool.sign_with ?? ''} spellCheck={false} onChange={(event) => set({ sign_with: event.target.value || null }, 'sign')} /></Field>
      </div>
      <Field label={t('tools.url')} extra={t('tools.url_hint')} pointer={`${pointer}/url`}><Input className="cw-code" value={tool.url} spellCheck={false} onChange={(event) => set({ url: event.target.value }, 'url')} /></Field>
      <Field label={t('tools.headers')} extra={t('tools.headers_hint')} pointer={`${pointer}/headers`}><JsonArea value={tool.headers} onChange={(value) => set({ headers: value as Record<string, string> }, 'headers')} /></Field>
      <Field label={t('tools.parameters')} extra={t('tools.parameters_hint')} pointer={`${pointer}/parameters`}><JsonArea rows={4} value={tool.parameters} onChange={(value) => set({ parameters: value as NonNullable<Http['parameters']> }, 'parameters')} /></Field>
      <Field label={t('tools.body')} extra={t('tools.body_hint')} pointer={`${pointer}/body`}><JsonArea value={tool.body} onChange={(value) => set({ body: value as NonNullable<Http['body']> }, 'body')} /></Field>
      <Field label={t('tools.result')} extra={t('tools.result_hint')} pointer={`${pointer}/result`}><JsonArea value={tool.result} onChange={(value) => set({ result: value as NonNullable<Http['result']> }, 'result')} /></Field>
      <Field label={t('tools.filler')} extra={t('tools.filler_hint')} pointer={`${pointer}/filler`}><Input value={tool.filler ?? ''} maxLength={1000} onChange={(event) => set({ filler: event.target.value || null }, 'filler')} /></Field>
      <SwitchField label={t('tools.finish')} extra={t('tools.finish_hint')} checked={tool.finish_when_interrupted ?? true} onChange={(on) => set({ finish_when_interrupted: on })} />
    </>
  )
}

export function McpFields({ tool, pointer, put }: Props<Mcp> & { tool: Mcp }) {
  const { t } = useTranslation('assistants')
  const set = (change: Partial<Mcp>, place?: string) => put({ ...tool, ...change }, place)
  return (
    <>
      <div className="cw-fields">
        <Field label={t('field.name')} extra={t('tools.mcp_name_hint')} pointer={`${pointer}/name`}><Input className="cw-code" value={tool.name} maxLength={64} spellCheck={false} onChange={(event) => set({ name: event.target.value }, 'name')} /></Field>
        <NumberField label={t('tools.timeout')} pointer={`${pointer}/timeout_ms`} value={tool.timeout_ms} min={100} max={60_000} usual={10_000} step={500} onChange={(value) => set({ timeout_ms: value ?? 10_000 })} />
      </div>
      <Field label={t('tools.url')} pointer={`${pointer}/url`}><Input className="cw-code" value={tool.url} spellCheck={false} onChange={(event) => set({ url: event.target.value }, 'url')} /></Field>
      <Field label={t('tools.headers')} extra={t('tools.headers_hint')} pointer={`${pointer}/headers`}><JsonArea value={tool.headers} onChange={(value) => set({ headers: value as Record<string, string> }, 'headers')} /></Field>
      <Field label={t('tools.only')} extra={t('tools.only_hint')} pointer={`${pointer}/only`}><Select mode="tags" open={false} suffixIcon={null} value={tool.only ?? []} tokenSeparators={[',', ' ']} onChange={(only: string[]) => set({ only: only.length > 0 ? only : null })} /></Field>
    </>
  )
}

export function TransferFields({ transfer, pointer, put }: Props<Schema['Transfer']> & { transfer: Schema['Transfer'] }) {
  const { t } = useTranslation('assistants')
  const { definition } = useDraft()
  const known = new Set([...Object.keys(definition.variables ?? {}), ...ALWAYS])
  const set = (change: Partial<Schema['Transfer']>, place?: string) => put({ ...transfer, ...change }, place)
  return (
    <>
      <div className="cw-fields">
        <Field label={t('field.name')} extra={t('tools.name_hint')} pointer={`${pointer}/name`}><Input className="cw-code" value={transfer.name} maxLength={64} spellCheck={false} onChange={(event) => set({ name: event.target.value }, 'name')} /></Field>
        <Field label={t('tools.to')} extra={t('tools.to_hint')} pointer={`${pointer}/to`}><Input value={transfer.to} spellCheck={false} onChange={(event) => set({ to: event.target.value }, 'to')} /></Field>
      </div>
      <Field label={t('tools.when')} extra={t('tools.when_hint')} pointer={`${pointer}/description`}><Input.TextArea value={transfer.description ?? ''} maxLength={1000} autoSize={{ minRows: 2, maxRows: 6 }} onChange={(event) => set({ description: event.target.value }, 'when')} /></Field>
      <div className="cw-fields">
        <Field label={t('tools.manner')} extra={t(`manner_hint.${transfer.kind ?? 'cold'}`)} pointer={`${pointer}/kind`}><Select value={transfer.kind ?? 'cold'} onChange={(kind) => set(kind === 'cold' ? { kind, briefing: null } : { kind })} options={(['cold', 'warm'] as const).map((value) => ({ value, label: t(`manner.${value}`) }))} /></Field>
        <NumberField label={t('tools.ring')} pointer={`${pointer}/ring_timeout_s`} value={transfer.ring_timeout_s} min={5} max={120} usual={25} onChange={(value) => set({ ring_timeout_s: value ?? 25 })} />
      </div>
      {transfer.kind === 'warm' && <Field label={t('tools.briefing')} pointer={`${pointer}/briefing`}><TemplateArea known={known} rows={2} maxLength={1000} value={transfer.briefing ?? ''} onChange={(briefing) => set({ briefing: briefing || null }, 'briefing')} /></Field>}
    </>
  )
}
