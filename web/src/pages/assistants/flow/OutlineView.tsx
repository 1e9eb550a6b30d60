/** The flow as a list: what follows stands below, what branches off is indented. Everything can be done by keyboard. */
import { Button, Dropdown, Select } from 'antd'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { IconButton } from '@/ui/IconButton'
import { CopyPlus, CornerDownRight, Plus, Trash2, TriangleAlert } from '@/ui/icons'
import { outline, type OutlineRow } from '../model/outline'
import { exitsOf, KINDS, kindOf, nodeOf, textOf, type Kind } from '../model/steps'
import { useExitName } from '../parts/words'
import { useFindingWords } from './Findings'
import { LOOK } from './look'
import type { FlowEditor } from './useFlow'

export default function OutlineView({ editor }: { editor: FlowEditor }) {
  const { t } = useTranslation('assistants')
  const rows = useMemo(() => outline(editor.flow), [editor.flow])
  return (
    <ol className="cw-outline" aria-label={t('flow.outline')}>
      {rows.map((row) => (
        <li key={row.key} style={{ paddingInlineStart: Math.min(row.depth, 12) * 20 }} data-kind={row.kind}>
          {row.kind === 'node' ? <NodeRow editor={editor} row={row} /> : row.kind === 'exit' ? <ExitHead editor={editor} row={row} /> : <Leads editor={editor} row={row} />}
        </li>
      ))}
    </ol>
  )
}

function NodeRow({ editor, row }: { editor: FlowEditor; row: Extract<OutlineRow, { kind: 'node' }> }) {
  const { t } = useTranslation('assistants')
  const words = useFindingWords(editor)
  const { node } = row
  const kind = kindOf(node)
  const { icon: Icon, tone } = LOOK[kind]
  const found = editor.findings.filter((finding) => finding.id === node.id)
  const only = exitsOf(node).filter((exit) => !exit.optional)
  return (
    <div className="cw-outline-node" data-chosen={editor.chosen?.id === node.id || undefined}>
      <button type="button" className="cw-outline-open" aria-pressed={editor.chosen?.id === node.id} onClick={() => editor.choose(node.id)}>
        <Icon size={15} strokeWidth={1.75} aria-hidden className="cw-kind" data-tone={tone} />
        <span className="cw-outline-kind">{t(`kind.${kind}`)}</span>
        <strong>{node.id}</strong>
        <span className="cw-ellipsis cw-soft">{textOf(node)}</span>
        {editor.flow.start === node.id && <span className="cw-outline-note">{t('flow.starts_here')}</span>}
        {!row.reached && <span className="cw-outline-note">{t('flow.not_reached')}</span>}
      </button>
      {found.length > 0 && <span className="cw-warn" data-tone={found.some((one) => one.severity === 'stops') ? 'failure' : undefined} title={found.map(words).join('\n')}><TriangleAlert size={14} aria-hidden /><span className="cw-hidden">{found.map(words).join(' ')}</span></span>}
      {editor.editable && (
        <span className="cw-buttons">
          {only.length === 1 && <AddBehind editor={editor} place={{ id: node.id, key: only[0]!.key }} label={t('flow.add_behind', { block: node.id })} />}
          <IconButton icon={CopyPlus} label={t('flow.duplicate_block', { block: node.id })} onClick={() => editor.duplicate(node.id)} />
          <IconButton icon={Trash2} danger label={t('flow.remove_block', { block: node.id })} onClick={() => editor.remove(node.id)} />
        </span>
      )}
    </div>
  )
}

function ExitHead({ editor, row }: { editor: FlowEditor; row: Extract<OutlineRow, { kind: 'exit' }> }) {
  const { t } = useTranslation('assistants')
  const exitName = useExitName()
  const name = exitName(nodeOf(editor.flow, row.from)!, row.exit)
  return (
    <div className="cw-outline-exit">
      <CornerDownRight size={14} aria-hidden />
      <span>{name}</span>
      {editor.editable && <AddBehind editor={editor} place={{ id: row.from, key: row.exit.key }} label={t('flow.add_behind', { block: `${row.from}, ${name}` })} />}
    </div>
  )
}

/** Where a way goes that does not go on right below: to a block elsewhere, or nowhere yet. */
function Leads({ editor, row }: { editor: FlowEditor; row: Extract<OutlineRow, { kind: 'jump' | 'open' }> }) {
  const { t } = useTranslation('assistants')
  return (
    <div className="cw-outline-exit" data-open={row.kind === 'open' || undefined}>
      <CornerDownRight size={14} aria-hidden />
      <span>{t(row.kind === 'jump' ? 'flow.goes_on_at' : 'flow.goes_nowhere')}</span>
      <Select
        size="small"
        style={{ minWidth: 160 }}
        disabled={!editor.editable}
        aria-label={t('flow.leads_to', { block: row.from })}
        placeholder={t('flow.choose_block')}
        value={row.exit.to || undefined}
        onChange={(to: string) => editor.connect({ id: row.from, key: row.exit.key }, to)}
        options={editor.flow.nodes.map((node) => ({ value: node.id, label: node.id }))}
        showSearch
        popupMatchSelectWidth={false}
      />
      {editor.editable && row.kind === 'open' && <AddBehind editor={editor} place={{ id: row.from, key: row.exit.key }} label={t('flow.add_behind', { block: row.from })} />}
    </div>
  )
}

/** A new block at this place; `Dropdown` opens with Enter and is walked with the arrows. */
function AddBehind({ editor, place, label }: { editor: FlowEditor; place: { id: string; key: string }; label: string }) {
  const { t } = useTranslation('assistants')
  const [open, setOpen] = useState(false)
  const items = KINDS.map((kind) => {
    const { icon: Icon } = LOOK[kind]
    return { key: kind, icon: <Icon size={15} />, label: t(`kind.${kind}`) }
  })
  return (
    <Dropdown trigger={['click']} open={open} onOpenChange={setOpen} menu={{ items, onClick: ({ key }) => editor.add(key as Kind, place) }}>
      <Button type="text" size="small" className="cw-icon-button" icon={<Plus size={15} />} aria-label={label} title={label} aria-haspopup="menu" aria-expanded={open} />
    </Dropdown>
  )
}
