/** The kinds of blocks. A click puts one behind the chosen block; it can be dragged onto the canvas as well. */
import { useTranslation } from 'react-i18next'
import { MOST_NODES } from '../model/edit'
import { KINDS, type Kind } from '../model/steps'
import { LOOK } from './look'
import type { FlowEditor } from './useFlow'

/** What a dragged kind is called in the transfer. */
export const DRAGGED = 'application/x-callwright-block'

export function Palette({ editor }: { editor: FlowEditor }) {
  const { t } = useTranslation('assistants')
  const full = editor.flow.nodes.length >= MOST_NODES
  return (
    <div className="cw-palette" role="toolbar" aria-orientation="vertical" aria-label={t('flow.blocks')}>
      {KINDS.map((kind) => <Entry key={kind} kind={kind} why={full ? t('flow.full', { most: MOST_NODES }) : undefined} add={() => editor.add(kind)} />)}
    </div>
  )
}

function Entry({ kind, why, add }: { kind: Kind; why: string | undefined; add: () => void }) {
  const { t } = useTranslation('assistants')
  const { icon: Icon, tone } = LOOK[kind]
  return (
    <button
      type="button"
      draggable={why === undefined}
      disabled={why !== undefined}
      title={why ?? t(`kind_hint.${kind}`)}
      onClick={add}
      onDragStart={(event) => event.dataTransfer.setData(DRAGGED, kind)}
    >
      <Icon size={16} strokeWidth={1.75} aria-hidden className="cw-kind" data-tone={tone} />
      <span>{t(`kind.${kind}`)}</span>
    </button>
  )
}
