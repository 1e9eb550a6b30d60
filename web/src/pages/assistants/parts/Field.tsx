/** A field of the draft: label, what is wrong with it, a hint. The control gets the id and is off for who may only read. */
import { Switch } from 'antd'
import { cloneElement, useId, type ReactElement, type ReactNode } from 'react'
import { HelpHint } from '@/ui/HelpHint'
import { useDraft } from './draft'

interface Props {
  label: string
  /** A line under the control. */
  extra?: ReactNode
  /** Behind the "i". */
  hint?: string
  /** Where the field is in the assistant (JSON Pointer). */
  pointer?: string
  /** What is wrong with it before the server is asked. */
  error?: string | undefined
  children: ReactElement<{ id?: string; disabled?: boolean; 'aria-invalid'?: boolean; 'aria-describedby'?: string }>
}

export function Field({ label, extra, hint, pointer, error, children }: Props) {
  const id = useId()
  const { faultAt, editable } = useDraft()
  const fault = (pointer && faultAt(pointer)) ?? error
  return (
    <div className="cw-field" data-bad={fault ? true : undefined}>
      <div className="cw-field-label"><label htmlFor={id}>{label}</label>{hint && <HelpHint>{hint}</HelpHint>}</div>
      {cloneElement(children, { id, disabled: !editable || children.props.disabled === true, ...(fault ? { 'aria-invalid': true, 'aria-describedby': `${id}-fault` } : {}) })}
      {fault && <div id={`${id}-fault`} className="cw-field-fault">{fault}</div>}
      {extra && <div className="cw-caption">{extra}</div>}
    </div>
  )
}

/** A switch with its words beside it. */
export function SwitchField({ label, extra, checked, onChange }: { label: string; extra?: ReactNode; checked: boolean; onChange: (on: boolean) => void }) {
  const id = useId()
  const { editable } = useDraft()
  return (
    <div className="cw-switch-field">
      <Switch id={id} checked={checked} disabled={!editable} onChange={onChange} />
      <label htmlFor={id}>
        {label}
        {extra && <span className="cw-caption">{extra}</span>}
      </label>
    </div>
  )
}
