/** Values of the contact that texts may use: what stands in when one is missing, and where each is used. */
import { Button, Input, Radio } from 'antd'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Card } from '@/ui/Card'
import { Empty } from '@/ui/Empty'
import { IconButton } from '@/ui/IconButton'
import { Plus, Trash2 } from '@/ui/icons'
import { renameVariable, usesOf } from '../model/variables'
import { useDraft } from '../parts/draft'

export default function VariablesTab() {
  const { t } = useTranslation('assistants')
  const { definition, change, editable } = useDraft()
  const variables = definition.variables ?? {}
  const names = Object.keys(variables)
  const [fresh, setFresh] = useState('')
  const wrong = fresh !== '' && !/^[A-Za-z_]\w*$/.test(fresh) ? t('variables.bad_name') : fresh in variables ? t('variables.taken') : undefined
  const add = () => {
    if (fresh === '' || wrong !== undefined) return
    change({ variables: { ...variables, [fresh]: {} } })
    setFresh('')
  }
  return (
    <Card>
      <p className="cw-soft cw-gap">{t('variables.text')}</p>
      {names.length === 0 ? (
        <Empty text={t('variables.none')} />
      ) : (
        <div className="cw-scroll">
          <table className="cw-plain-table" aria-label={t('tab.variables')}>
            <thead><tr><th scope="col">{t('field.name')}</th><th scope="col">{t('variables.missing')}</th><th scope="col">{t('variables.default')}</th><th scope="col">{t('variables.used')}</th><th><span className="cw-hidden">{t('field.actions')}</span></th></tr></thead>
            <tbody>{names.map((name) => <VariableRow key={name} name={name} />)}</tbody>
          </table>
        </div>
      )}
      {editable && (
        <div className="cw-line cw-add-row">
          <Input value={fresh} style={{ width: 240 }} spellCheck={false} maxLength={64} placeholder={t('variables.new')} aria-label={t('variables.new')} status={wrong ? 'error' : ''} onChange={(event) => setFresh(event.target.value)} onPressEnter={add} />
          <Button icon={<Plus size={15} />} onClick={add}>{t('common:action.add')}</Button>
          {wrong && <span className="cw-warn" data-tone="failure" role="alert">{wrong}</span>}
        </div>
      )}
    </Card>
  )
}

function VariableRow({ name }: { name: string }) {
  const { t } = useTranslation('assistants')
  const { definition, change, editable } = useDraft()
  const variables = definition.variables ?? {}
  const variable = variables[name]!
  const [text, setText] = useState(name)
  useEffect(() => setText(name), [name])
  const uses = usesOf(definition, name)
  const needed = variable.default === null || variable.default === undefined
  const put = (value: string | null) => change({ variables: { ...variables, [name]: value === null ? {} : { default: value } } }, `variable ${name}`)
  const rename = () => {
    if (/^[A-Za-z_]\w*$/.test(text) && !(text in variables)) change((old) => renameVariable(old, name, text))
    else setText(name)
  }
  const remove = () => change({ variables: Object.fromEntries(Object.entries(variables).filter(([other]) => other !== name)) })
  return (
    <tr>
      <td><Input className="cw-code" value={text} disabled={!editable} spellCheck={false} aria-label={t('field.name')} onChange={(event) => setText(event.target.value)} onBlur={rename} onPressEnter={rename} /></td>
      <td>
        <Radio.Group value={needed ? 'needed' : 'default'} disabled={!editable} onChange={(event) => put(event.target.value === 'needed' ? null : '')} options={[{ value: 'needed', label: t('variables.needed') }, { value: 'default', label: t('variables.stands_in') }]} />
      </td>
      <td><Input value={variable.default ?? ''} disabled={!editable || needed} aria-label={t('variables.default')} onChange={(event) => put(event.target.value)} /></td>
      <td className="cw-soft">{uses.length === 0 ? t('variables.unused') : uses.map((use) => (use.startsWith('/flow/') ? use.slice(6) : t(`variables.in.${use}`))).join(', ')}</td>
      <td>{editable && <IconButton icon={Trash2} danger label={t('variables.remove', { name })} why={uses.length > 0 ? t('variables.in_use') : undefined} onClick={remove} />}</td>
    </tr>
  )
}
