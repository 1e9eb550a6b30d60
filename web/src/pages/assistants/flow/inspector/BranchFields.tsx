/** A branch: what it looks at, its cases in order, and where everything else goes. */
import { AutoComplete, Button, Input, Select } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Schema } from '@/api/client'
import { IconButton } from '@/ui/IconButton'
import { ArrowDown, ArrowUp, Plus, Trash2 } from '@/ui/icons'
import { answerName } from '../../model/steps'
import { Field } from '../../parts/Field'
import { caseOf, testOf, TESTS, valueOf, type Test } from '../../parts/words'
import { TargetSelect, type StepProps } from './Inspector'

const CHOICES: Test[] = [...TESTS, 'not_answered']

export function BranchFields({ editor, node, set, pointer }: StepProps) {
  const { t } = useTranslation('assistants')
  const branch = node.branch!
  const put = (change: Partial<typeof branch>, field?: string) => set({ ...node, branch: { ...branch, ...change } }, field)
  const asked = editor.flow.nodes.find((one) => answerName(one) === branch.on)?.ask?.answer
  const values = asked?.kind === 'yes_no' ? ['yes', 'no'] : asked?.kind === 'choice' ? asked.options.map((option) => option.id) : []
  const swap = (at: number, by: 1 | -1) => {
    const cases = [...branch.cases]
    const [one] = cases.splice(at, 1)
    cases.splice(at + by, 0, one!)
    put({ cases })
  }
  return (
    <>
      <Field label={t('flow.on')} extra={t('flow.on_hint')} pointer={`${pointer}/on`}>
        <AutoComplete value={branch.on} options={[...editor.known].map((value) => ({ value }))} showSearch={{ filterOption: (typed, option) => String(option?.value).includes(typed) }} onChange={(on: string) => put({ on }, 'on')} />
      </Field>
      <fieldset className="cw-choices">
        <legend>{t('flow.cases')}</legend>
        {branch.cases.map((one, index) => (
          <CaseFields
            key={index}
            one={one}
            values={values}
            pointer={`${pointer}/cases/${index}`}
            put={(next, field) => put({ cases: branch.cases.map((old, at) => (at === index ? next : old)) }, field && `${field}${index}`)}
            target={<TargetSelect editor={editor} from={node.id} exit={`case:${index}`} value={one.next} />}
            buttons={
              editor.editable && (
                <span className="cw-buttons">
                  <IconButton icon={ArrowUp} label={t('flow.case_up')} why={index === 0 ? t('flow.case_first') : undefined} onClick={() => swap(index, -1)} />
                  <IconButton icon={ArrowDown} label={t('flow.case_down')} why={index === branch.cases.length - 1 ? t('flow.case_last') : undefined} onClick={() => swap(index, 1)} />
                  <IconButton icon={Trash2} danger label={t('flow.remove_case')} onClick={() => put({ cases: branch.cases.filter((_, at) => at !== index) })} />
                </span>
              )
            }
          />
        ))}
        {editor.editable && <Button size="small" type="dashed" icon={<Plus size={14} />} onClick={() => put({ cases: [...branch.cases, { is: values[branch.cases.length] ?? '', next: '' }] })}>{t('flow.add_case')}</Button>}
      </fieldset>
      <Field label={t('exit.otherwise')} extra={t('flow.otherwise_hint')} pointer={`${pointer}/otherwise`}>
        <TargetSelect editor={editor} from={node.id} exit="otherwise" value={branch.otherwise} />
      </Field>
    </>
  )
}

interface CaseProps {
  one: Schema['Case']
  /** What the answer can be, where that is known. */
  values: string[]
  pointer: string
  put: (one: Schema['Case'], field?: string) => void
  target: React.ReactElement<{ id?: string; disabled?: boolean }>
  buttons: React.ReactNode
}

function CaseFields({ one, values, pointer, put, target, buttons }: CaseProps) {
  const { t } = useTranslation('assistants')
  const test = testOf(one) ?? 'is'
  const value = valueOf(one, test)
  const bare = test === 'answered' || test === 'not_answered'
  return (
    <div className="cw-case">
      {buttons}
      <Field label={t('flow.test')} pointer={pointer}>
        <Select size="small" value={test} onChange={(next: Test) => put(caseOf(next, value, one.next))} options={CHOICES.map((name) => ({ value: name, label: t(`test_name.${name}`) }))} />
      </Field>
      {!bare && (
        <Field label={t('flow.value')} pointer={`${pointer}/${test}`}>
          {test === 'one_of' ? (
            <Select mode="tags" size="small" value={one.one_of ?? []} tokenSeparators={[',']} options={values.map((option) => ({ value: option }))} onChange={(list: string[]) => put({ one_of: list, next: one.next })} />
          ) : values.length > 0 && (test === 'is' || test === 'is_not') ? (
            <AutoComplete size="small" value={value} options={values.map((option) => ({ value: option }))} onChange={(text: string) => put(caseOf(test, text, one.next), 'value')} />
          ) : (
            <Input size="small" value={value} onChange={(event) => put(caseOf(test, event.target.value, one.next), 'value')} />
          )}
        </Field>
      )}
      <Field label={t('flow.leads_where')} pointer={`${pointer}/next`}>{target}</Field>
    </div>
  )
}
