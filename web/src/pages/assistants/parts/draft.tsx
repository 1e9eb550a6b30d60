/** The assistant as it is being changed: one draft for all tabs, with what was done to it, until it is saved or left. */
import { useBlocker } from '@tanstack/react-router'
import { App } from 'antd'
import { createContext, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Conflict, useSaveAssistant, type Assistant, type Definition } from '@/api/assistants'
import { asProblem, type Problem } from '@/api/problem'
import { useCan } from '@/api/session'
import { useConfirm } from '@/ui/useConfirm'
import { begin, changed, redo, undo } from '../model/history'

export interface Draft {
  /** As it was read. */
  assistant: Assistant
  definition: Definition
  /** `place` names the field, so that typing in it is one step of undo. */
  change(change: Partial<Definition> | ((definition: Definition) => Definition), place?: string): void
  dirty: boolean
  editable: boolean
  canUndo: boolean
  canRedo: boolean
  undo(): void
  redo(): void
  /** Whether it was saved. */
  save(): Promise<boolean>
  saving: boolean
  /** Why saving was refused. */
  problem: Problem | undefined
  /** What is wrong with a field (JSON Pointer), as long as the draft is the one that was refused. */
  faultAt(pointer: string): string | undefined
  /** Somebody saved first. */
  conflict: boolean
  takeTheirs(theirs: Assistant): void
  keepMine(theirs: Assistant): void
}

const Context = createContext<Draft | null>(null)

export function useDraft(): Draft {
  return useContext(Context)!
}

export function DraftProvider({ assistant, children }: { assistant: Assistant; children: ReactNode }) {
  const { t } = useTranslation('assistants')
  const { message } = App.useApp()
  const can = useCan()
  const saveAssistant = useSaveAssistant()
  const [base, setBase] = useState(assistant)
  const [history, setHistory] = useState(() => begin(assistant.definition))
  const [saving, setSaving] = useState(false)
  const [refusal, setRefusal] = useState<{ problem: Problem; definition: Definition }>()
  const [conflict, setConflict] = useState(false)
  const definition = history.now
  const dirty = definition !== base.definition

  // Another window or person saved: an untouched draft follows, a touched one is told when it is saved.
  useEffect(() => {
    if (assistant.version <= base.version || dirty) return
    setBase(assistant)
    setHistory(begin(assistant.definition))
  }, [assistant, base.version, dirty])

  useLeaveGuard(dirty, assistant.id)

  const save = async (): Promise<boolean> => {
    setSaving(true)
    setRefusal(undefined)
    try {
      const saved = await saveAssistant(base, definition)
      setBase({ ...saved, definition })
      setConflict(false)
      message.success(t('draft.saved', { version: saved.version }))
      return true
    } catch (error) {
      if (error instanceof Conflict || asProblem(error).status === 412) setConflict(true)
      else setRefusal({ problem: asProblem(error), definition })
      return false
    } finally {
      setSaving(false)
    }
  }

  const draft = useMemo<Draft>(() => {
    const problem = refusal?.problem
    return {
      assistant: base,
      definition,
      change: (change, place) => setHistory((old) => changed(old, typeof change === 'function' ? change(old.now) : { ...old.now, ...change }, Date.now(), place)),
      dirty,
      editable: can('assistants:write'),
      canUndo: history.past.length > 0,
      canRedo: history.future.length > 0,
      undo: () => setHistory(undo),
      redo: () => setHistory(redo),
      save,
      saving,
      problem,
      faultAt: (pointer) => (refusal?.definition === definition ? problem?.errors.find((fault) => fault.pointer === pointer)?.reason : undefined),
      conflict,
      takeTheirs(theirs) {
        setConflict(false)
        setBase(theirs)
        setHistory((old) => changed(old, theirs.definition, Date.now()))
      },
      keepMine(theirs) {
        setConflict(false)
        setBase(theirs)
      },
    }
  }, [base, history, refusal, saving, conflict])

  return <Context value={draft}>{children}</Context>
}

/** Asks before a draft is left behind; from tab to tab it comes along. */
function useLeaveGuard(dirty: boolean, id: string): void {
  const { t } = useTranslation('assistants')
  const confirm = useConfirm()
  const asking = useRef(false)
  useBlocker({
    enableBeforeUnload: dirty,
    disabled: !dirty,
    async shouldBlockFn({ next }) {
      if (next.pathname.startsWith(`/assistants/${id}/`) || asking.current) return asking.current
      asking.current = true
      const leave = await confirm({ title: t('common:form.leave'), text: t('common:form.leave_text'), ok: t('common:form.leave_ok'), danger: true })
      asking.current = false
      return !leave
    },
  })
}
