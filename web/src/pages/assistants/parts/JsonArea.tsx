/** A value written as JSON. What cannot be read is marked and not taken over until it can be. */
import { Input } from 'antd'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'

interface Props {
  value: unknown
  /** `undefined` when the field is empty. */
  onChange: (value: unknown) => void
  rows?: number
  id?: string
  disabled?: boolean
  'aria-label'?: string
}

export function JsonArea({ value, onChange, rows = 3, ...rest }: Props) {
  const { t } = useTranslation('assistants')
  const written = value === undefined || value === null ? '' : JSON.stringify(value, null, 2)
  const [text, setText] = useState(written)
  const [bad, setBad] = useState(false)
  // The value changed by other means, such as undo.
  useEffect(() => {
    if (!sameJson(text, written)) setText(written)
  }, [written])
  const take = (next: string) => {
    setText(next)
    const read = parse(next)
    setBad(read === BAD)
    if (read !== BAD) onChange(read)
  }
  return (
    <>
      <Input.TextArea {...rest} className="cw-code" spellCheck={false} autoSize={{ minRows: rows, maxRows: 16 }} status={bad ? 'error' : ''} aria-invalid={bad} value={text} placeholder="{ }" onChange={(event) => take(event.target.value)} />
      {bad && <div className="cw-template-note" role="alert">{t('json.bad')}</div>}
    </>
  )
}

const BAD = Symbol('not JSON')

function parse(text: string): unknown {
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    return BAD
  }
}

function sameJson(text: string, written: string): boolean {
  const read = parse(text)
  return read === BAD ? false : (read === undefined ? '' : JSON.stringify(read, null, 2)) === written
}
