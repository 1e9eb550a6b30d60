/** A block on the canvas: its kind in icon and word, its words, and a row with a handle for each way out. */
import { Handle, Position, type Node, type NodeProps } from '@xyflow/react'
import { useTranslation } from 'react-i18next'
import type { FlowNode } from '@/api/assistants'
import { CircleX, TriangleAlert } from '@/ui/icons'
import { BLOCK_WIDTH } from '../../model/layout'
import { kindOf, textOf, type Exit } from '../../model/steps'
import { LOOK } from '../look'

export type BlockNode = Node<{ node: FlowNode; start: boolean; exits: (Exit & { name: string })[]; worst: 'stops' | 'remark' | undefined }, 'block'>

export function Block({ data, selected }: NodeProps<BlockNode>) {
  const { t } = useTranslation('assistants')
  const { node, exits, start, worst } = data
  const kind = kindOf(node)
  const { icon: Icon, tone } = LOOK[kind]
  const text = textOf(node)
  const several = exits.length > 1
  return (
    <div className="cw-block" data-selected={selected || undefined} data-worst={worst} style={{ width: BLOCK_WIDTH }}>
      <Handle type="target" position={Position.Left} className="cw-handle" />
      <div className="cw-block-head">
        <Icon size={14} strokeWidth={2} aria-hidden className="cw-kind" data-tone={tone} />
        <strong className="cw-ellipsis">{node.id}</strong>
        <span>{start ? t('flow.start_kind', { kind: t(`kind.${kind}`) }) : t(`kind.${kind}`)}</span>
        {worst && (worst === 'stops' ? <CircleX size={13} aria-label={t('check.has_problem')} className="cw-block-bad" /> : <TriangleAlert size={13} aria-label={t('check.has_remark')} className="cw-block-note" />)}
      </div>
      {text !== '' && <p className="cw-block-text">{kind === 'branch' ? t('flow.looks_at', { name: text }) : text}</p>}
      {several && exits.map((exit) => (
        <div key={exit.key} className="cw-block-exit" data-open={(exit.to === '' && !exit.optional) || undefined}>
          <span className="cw-ellipsis">{exit.name}</span>
          <Handle type="source" position={Position.Right} id={exit.key} className="cw-handle" />
        </div>
      ))}
      {exits.length === 1 && <Handle type="source" position={Position.Right} id={exits[0]!.key} className="cw-handle" />}
    </div>
  )
}
