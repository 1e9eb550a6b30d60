/** Undo, redo, copy, paste, duplicate and delete in the flow. None acts while somebody types. */
import { useEffect, useEffectEvent } from 'react'
import type { FlowNode } from '@/api/assistants'
import { useDraft } from '../parts/draft'
import type { FlowEditor } from './useFlow'

/** What was copied; it can be pasted into another assistant. */
let copied: FlowNode | undefined

export function useFlowKeys(editor: FlowEditor): void {
  const draft = useDraft()
  const act = useEffectEvent((event: KeyboardEvent) => {
    if (!editor.editable || typing(event.target) || document.querySelector('.ant-modal-wrap:not([style*="display: none"])')) return
    const done = command(event, editor, draft)
    if (done) event.preventDefault()
  })
  useEffect(() => {
    addEventListener('keydown', act)
    return () => removeEventListener('keydown', act)
  }, [])
}

function command(event: KeyboardEvent, editor: FlowEditor, draft: { undo(): void; redo(): void }): boolean {
  const { chosen } = editor
  const key = event.key.toLowerCase()
  if (!(event.ctrlKey || event.metaKey)) {
    if ((key !== 'delete' && key !== 'backspace') || chosen === undefined || !(event.target instanceof Element) || !event.target.closest('.cw-flow-area')) return false
    editor.remove(chosen.id)
    return true
  }
  if (key === 'z' && !event.shiftKey) draft.undo()
  else if (key === 'y' || (key === 'z' && event.shiftKey)) draft.redo()
  else if (key === 'c' && chosen && String(getSelection()) === '') copied = chosen
  else if (key === 'v' && copied) editor.paste(copied)
  else if (key === 'd' && chosen) editor.duplicate(chosen.id)
  else return false
  return true
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.closest('input, textarea, select') !== null)
}
