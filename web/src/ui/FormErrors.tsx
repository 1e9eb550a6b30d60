/** A refused form: each fault under its field, all of them in a summary that leads to the fields. */
import { Alert, type FormInstance } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { asProblem, type FieldFault, type Problem } from '@/api/problem'
import { ProblemAlert } from './Problem'

export interface FormFaults {
  problem: Problem | undefined
  /** Faults that stand under a field, with the field's name in the form. */
  fields: { name: (string | number)[]; fault: FieldFault }[]
  /** Takes whatever saving was refused with. */
  take(error: unknown): void
  clear(): void
  focus(name: (string | number)[]): void
}

/** `/schedule/runs/0/slots` as the name of a field: `['schedule', 'runs', 0, 'slots']` (RFC 6901). */
export function fieldName(pointer: string): (string | number)[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part.replaceAll('~1', '/').replaceAll('~0', '~')))
}

/** `rename` maps a field of the API to the one of the form where they differ. */
export function useFormErrors(form: FormInstance, rename: (name: (string | number)[]) => (string | number)[] = (name) => name): FormFaults {
  const [problem, setProblem] = useState<Problem>()
  const fields = (problem?.errors ?? []).map((fault) => ({ name: rename(fieldName(fault.pointer)), fault })).filter(({ name }) => form.getFieldInstance(name) || knows(form, name))
  const focus = (name: (string | number)[]) => {
    form.scrollToField(name, { block: 'center' })
    form.focusField(name)
  }
  return {
    problem,
    fields,
    focus,
    clear: () => setProblem(undefined),
    take(error) {
      const refused = asProblem(error)
      setProblem(refused)
      const named = refused.errors.map((fault) => ({ name: rename(fieldName(fault.pointer)), errors: [fault.reason] })).filter(({ name }) => knows(form, name))
      form.setFields(named)
      if (named[0]) focus(named[0].name)
    },
  }
}

export function FormErrors({ errors }: { errors: FormFaults }) {
  const { t } = useTranslation()
  const { problem, fields } = errors
  if (problem === undefined) return null
  if (fields.length === 0) return <ProblemAlert error={problem} />
  return (
    <Alert
      type="error"
      showIcon
      className="cw-problem"
      title={t('form.faults', { count: problem.errors.length })}
      description={
        <ul>
          {problem.errors.map((fault) => {
            const field = fields.find((one) => one.fault === fault)
            return (
              <li key={fault.pointer + fault.code}>
                {field ? <button type="button" className="cw-link" onClick={() => errors.focus(field.name)}>{fault.reason}</button> : fault.reason}
              </li>
            )
          })}
        </ul>
      }
    />
  )
}

function knows(form: FormInstance, name: (string | number)[]): boolean {
  return form.getFieldsError().some((field) => field.name.join('/') === name.join('/'))
}
