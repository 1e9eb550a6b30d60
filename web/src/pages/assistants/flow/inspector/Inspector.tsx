/** The chosen block: its name, what it does, where it leads, and what is wrong with it. */
import { Button, Input, Select } from 'antd'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { FlowNode } from '@/api/assistants'
import { IconButton } from '@/ui/IconButton'
import { CircleX, CopyPlus, Trash2, TriangleAlert, X } from '@/ui/icons'
import { exitsOf, KINDS, kindOf, nodeOf, type Kind } from '../../model/steps'
import { useDraft } from '../../parts/draft'
import { Field } from '../../parts/Field'
import { useExitName } from '../../parts/words'
import { useFindingWords } from '../Findings'
import { LOOK } from '../look'
import type { FlowEditor } from '../useFlow'
import { AskFields } from './AskFields'
import { BranchFields } from './BranchFields'
import { EndFields, SayFields, ToolFields, TransferFields } from './StepFields'

export interface StepProps {
  editor: FlowEditor
  node: FlowNode
  /** `field` joins what is typed in one place to one step of undo. */
  set: (node: FlowNode, field?: string) => void
  /** JSON Pointer of the step, for faults of the server. */
  pointer: string
}

export default function Inspector({ editor, node }: { editor: FlowEditor; node: FlowNode }) {
  const { t } = useTranslation('assistants')
  const kind = kindOf(node)
  const { icon: Icon, tone } = LOOK[kind]
  const index = editor.flow.nodes.indexOf(node)
  const props: StepProps = { editor, node, set: (next, field) => editor.set(node.id, next, field), pointer: `/flow/nodes/${index}/${kind}` }
  return (
    <aside className="cw-inspector" aria-label={t('flow.inspector', { block: node.id })}>
      <div className="cw-inspector-head">
        <Icon size={16} strokeWidth={1.75} aria-hidden className="cw-kind" data-tone={tone} />
        <h2>{t(`kind.${kind}`)}</h2>
        <span className="cw-buttons cw-end">
          {editor.editable && <IconButton icon={CopyPlus} label={t('flow.duplicate')} onClick={() => editor.duplicate(node.id)} />}
          {editor.editable && <IconButton icon={Trash2} danger label={t('flow.remove')} onClick={() => editor.remove(node.id)} />}
          <IconButton icon={X} label={t('common:action.close')} onClick={() => editor.choose(undefined)} />
        </span>
      </div>
      <Wrong editor={editor} node={node} index={index} />
      <div>
        <NameField editor={editor} node={node} />
        <p className="cw-caption cw-inspector-hint">{t(`kind_hint.${kind}`)}</p>
        {kind === 'say' && <SayFields {...props} />}
        {kind === 'ask' && <AskFields {...props} />}
        {kind === 'branch' && <BranchFields {...props} />}
        {kind === 'tool' && <ToolFields {...props} />}
        {kind === 'transfer' && <TransferFields {...props} />}
        {kind === 'end' && <EndFields {...props} />}
        {kind !== 'branch' && <Ways editor={editor} node={node} />}
        {editor.editable && editor.flow.start !== node.id && <Button size="small" onClick={() => editor.start(node.id)}>{t('flow.make_start')}</Button>}
      </div>
    </aside>
  )
}

function Wrong({ editor, node, index }: { editor: FlowEditor; node: FlowNode; index: number }) {
  const words = useFindingWords(editor)
  const { problem, faultAt } = useDraft()
  const found = editor.findings.filter((finding) => finding.id === node.id)
  const refused = (problem?.errors ?? []).filter((fault) => fault.pointer.startsWith(`/flow/nodes/${index}/`) && faultAt(fault.pointer) !== undefined)
  if (found.length + refused.length === 0) return null
  return (
    <ul className="cw-inspector-wrong">
      {found.map((finding) => (
        <li key={finding.code + (finding.of ?? '')} className="cw-warn" data-tone={finding.severity === 'stops' ? 'failure' : undefined}>
          {finding.severity === 'stops' ? <CircleX size={14} aria-hidden /> : <TriangleAlert size={14} aria-hidden />}
          <span>{words(finding)}</span>
        </li>
      ))}
      {refused.map((fault) => <li key={fault.pointer + fault.code} className="cw-warn" data-tone="failure"><CircleX size={14} aria-hidden /><span>{fault.reason}</span></li>)}
    </ul>
  )
}

/** The block's name is its id: what others lead to, and what its answer is called. It changes when the field is left. */
function NameField({ editor, node }: { editor: FlowEditor; node: FlowNode }) {
  const { t } = useTranslation('assistants')
  const [text, setText] = useState(node.id)
  useEffect(() => setText(node.id), [node.id])
  const taken = text !== node.id && nodeOf(editor.flow, text) !== undefined
  const bad = taken ? t('flow.name_taken') : text.trim() === '' ? t('common:form.required') : undefined
  const keep = () => (bad === undefined ? editor.rename(node.id, text.trim()) : setText(node.id))
  return (
    <Field label={t('flow.name')} error={bad}>
      <Input value={text} maxLength={64} spellCheck={false} onChange={(event) => setText(event.target.value)} onBlur={keep} onPressEnter={keep} />
    </Field>
  )
}

/** Where the block leads. */
function Ways({ editor, node }: { editor: FlowEditor; node: FlowNode }) {
  const exitName = useExitName()
  return exitsOf(node).map((exit) => (
    <Field key={exit.key} label={exitName(node, exit)}>
      <TargetSelect editor={editor} from={node.id} exit={exit.key} value={exit.to} optional={exit.optional} />
    </Field>
  ))
}

interface TargetProps {
  editor: FlowEditor
  from: string
  exit: string
  value: string
  optional?: boolean
  id?: string
  disabled?: boolean
  'aria-label'?: string
}

const NEW = 'new:'

/** A block to lead to: one that is there, or a new one of some kind. */
export function TargetSelect({ editor, from, exit, value, optional = false, ...rest }: TargetProps) {
  const { t } = useTranslation('assistants')
  const choose = (to: string | undefined) => {
    if (to?.startsWith(NEW)) editor.add(to.slice(NEW.length) as Kind, { id: from, key: exit })
    else editor.connect({ id: from, key: exit }, to ?? '')
  }
  const known = nodeOf(editor.flow, value) !== undefined
  return (
    <Select<string | undefined>
      {...rest}
      showSearch
      allowClear={optional}
      value={value === '' ? undefined : value}
      status={!known && !(optional && value === '') ? 'error' : ''}
      placeholder={t(optional ? 'flow.same_way' : 'flow.choose_block')}
      onChange={choose}
      options={[
        { label: t('flow.go_to'), title: 'go', options: editor.flow.nodes.filter((one) => one.id !== from).map((one) => ({ value: one.id, label: one.id })) },
        { label: t('flow.new_block'), title: 'new', options: KINDS.map((kind) => ({ value: NEW + kind, label: t(`kind.${kind}`) })) },
      ]}
    />
  )
}
