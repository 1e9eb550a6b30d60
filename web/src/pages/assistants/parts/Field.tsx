/** A field of the draft: label, what is wrong with it, a hint. The control gets the id and is off for who may only read. */
import { Form, InputNumber, Switch } from 'antd'
import { cloneElement, useId, type ReactElement, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
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
    <Form.Item
      label={<>{label}{hint && <HelpHint>{hint}</HelpHint>}</>}
      htmlFor={id}
      extra={extra}
      {...(fault ? { validateStatus: 'error' as const, help: <span id={`${id}-fault`}>{fault}</span> } : {})}
    >
      {cloneElement(children, { id, disabled: !editable || children.props.disabled === true, ...(fault ? { 'aria-invalid': true, 'aria-describedby': `${id}-fault` } : {}) })}
    </Form.Item>
  )
}

/** Fields stand under each other in the form of antd, which draws labels and faults. */
export function Fields({ children }: { children: ReactNode }) {
  return <Form layout="vertical" component="div" requiredMark={false}>{children}</Form>
}

interface NumberProps {
  label: string
  hint?: string
  pointer?: string
  value: number | null | undefined
  onChange: (value: number | null) => void
  min: number
  max: number
  /** What holds when it is left out; shown where nothing is set. */
  usual?: number | undefined
  step?: number
}

/** A whole number that may be left out. Says its ends and what is usual. */
export function NumberField({ label, hint, pointer, value, onChange, min, max, usual, step = 1 }: NumberProps) {
  const { t } = useTranslation('assistants')
  const ends = usual === undefined ? t('field.between', { min, max }) : t('field.between_usual', { min, max, usual })
  return (
    <Field label={label} extra={ends} {...(hint ? { hint } : {})} {...(pointer ? { pointer } : {})}>
      <InputNumber<number> value={value ?? null} onChange={onChange} min={min} max={max} step={step} placeholder={usual === undefined ? '' : String(usual)} style={{ width: '100%' }} />
    </Field>
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
