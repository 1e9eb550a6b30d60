/** What the assistant can do beside talking, and whom it can hand the call to. */
import { Checkbox } from 'antd'
import { lazy } from 'react'
import { useTranslation } from 'react-i18next'
import type { Schema } from '@/api/client'
import { Card } from '@/ui/Card'
import { BUILTINS } from '../model/checks'
import { useDraft } from '../parts/draft'
import { Items } from './Items'

const HttpFields = lazy(() => import('./ToolFields').then((part) => ({ default: part.HttpFields })))
const McpFields = lazy(() => import('./ToolFields').then((part) => ({ default: part.McpFields })))
const TransferFields = lazy(() => import('./ToolFields').then((part) => ({ default: part.TransferFields })))

type Tool = Schema['Tool']

export default function ToolsTab() {
  return (
    <div className="cw-stack">
      <BuiltinCard />
      <OwnTools />
      <Transfers />
    </div>
  )
}

function BuiltinCard() {
  const { t } = useTranslation('assistants')
  const { definition, change, editable } = useDraft()
  const tools = definition.tools ?? []
  const has = (name: string) => tools.some((tool) => tool.kind === 'builtin' && tool.name === name)
  const set = (name: Schema['Builtin'], on: boolean) =>
    change({ tools: on ? [...tools, { kind: 'builtin', name }] : tools.filter((tool) => !(tool.kind === 'builtin' && tool.name === name)) })
  return (
    <Card title={t('tools.builtin')}>
      <p className="cw-soft cw-gap">{t('tools.builtin_text')}</p>
      <div className="cw-builtins">
        {BUILTINS.map((name) => (
          <Checkbox key={name} checked={has(name)} disabled={!editable} onChange={(event) => set(name, event.target.checked)}>
            <span className="cw-cell-two"><span>{t(`builtin.${name}`)}</span><small>{t(`builtin_hint.${name}`)}</small></span>
          </Checkbox>
        ))}
      </div>
    </Card>
  )
}

/** HTTP and MCP tools stand in one list with the built-in ones: each keeps its place. */
function OwnTools() {
  const { t } = useTranslation('assistants')
  const { definition, change } = useDraft()
  const tools = definition.tools ?? []
  const own = tools.flatMap((tool, index) => (tool.kind === 'builtin' ? [] : [{ tool, index }]))
  const put = (at: number, tool: Tool, place?: string) => change({ tools: tools.map((old, index) => (index === at ? tool : old)) }, place && `tool ${at} ${place}`)
  return (
    <Items
      title={t('tools.own')}
      text={t('tools.own_text')}
      none={t('tools.own_none')}
      items={own.map(({ tool, index }) => ({
        key: String(index),
        name: tool.name,
        note: tool.kind === 'http' ? `${tool.method ?? 'POST'} ${tool.url}` : `MCP ${tool.url}`,
        body: tool.kind === 'http' ? <HttpFields tool={tool} pointer={`/tools/${index}`} put={(next, place) => put(index, next, place)} /> : tool.kind === 'mcp' ? <McpFields tool={tool} pointer={`/tools/${index}`} put={(next, place) => put(index, next, place)} /> : null,
        remove: () => change({ tools: tools.filter((_, at) => at !== index) }),
      }))}
      add={[
        { label: t('tools.add_http'), act: () => change({ tools: [...tools, { kind: 'http', name: '', description: '', url: 'https://' }] }) },
        { label: t('tools.add_mcp'), act: () => change({ tools: [...tools, { kind: 'mcp', name: '', url: 'https://' }] }) },
      ]}
    />
  )
}

function Transfers() {
  const { t } = useTranslation('assistants')
  const { definition, change } = useDraft()
  const transfers = definition.transfers ?? []
  return (
    <Items
      title={t('tools.transfers')}
      text={t('tools.transfers_text')}
      none={t('tools.transfers_none')}
      items={transfers.map((transfer, index) => ({
        key: String(index),
        name: transfer.name,
        note: transfer.to,
        body: <TransferFields transfer={transfer} pointer={`/transfers/${index}`} put={(next, place) => change({ transfers: transfers.map((old, at) => (at === index ? next : old)) }, place && `transfer ${index} ${place}`)} />,
        remove: () => change({ transfers: transfers.filter((_, at) => at !== index) }),
      }))}
      add={[{ label: t('tools.add_transfer'), act: () => change({ transfers: [...transfers, { name: '', to: '+' }] }) }]}
    />
  )
}
