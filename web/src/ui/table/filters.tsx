/** Filters above a table. Each has its value in the address. */
import { Input, Select } from 'antd'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Search } from '../icons'
import { useDebounced } from '../useDelayed'

/** Milliseconds after the last letter. */
const PAUSE = 300

interface SearchProps {
  value: string | undefined
  onChange: (value: string | undefined) => void
  placeholder: string
  width?: number
}

/** Searches 300 ms after typing stops, and at once with `Enter`. `/` leads here. */
export function SearchBox({ value = '', onChange, placeholder, width = 264 }: SearchProps) {
  const [text, setText] = useState(value)
  const settled = useDebounced(text, PAUSE)
  const [sent, setSent] = useState(value)
  if (value !== sent) {
    // The address changed by other means, such as Back or Reset.
    setSent(value)
    setText(value)
  }
  const say = (next: string) => {
    setSent(next)
    onChange(next || undefined)
  }
  useEffect(() => {
    if (settled === text && settled.trim() !== sent) say(settled.trim())
    // Only what was typed is sent: a change from outside has been taken over above.
  }, [settled])
  return (
    <Input
      data-page-search
      allowClear
      style={{ width }}
      prefix={<Search size={15} strokeWidth={1.75} aria-hidden />}
      placeholder={placeholder}
      aria-label={placeholder}
      value={text}
      onChange={(event) => setText(event.target.value)}
      onPressEnter={() => text.trim() !== sent && say(text.trim())}
    />
  )
}

interface StateProps<T extends string> {
  value: T[]
  onChange: (value: T[]) => void
  options: { value: T; label: string }[]
  /** What stands there when nothing is chosen: "Any state". */
  placeholder: string
  width?: number
}

/** Several of a few values. */
export function StateFilter<T extends string>({ value, onChange, options, placeholder, width = 168 }: StateProps<T>) {
  const { t } = useTranslation()
  return (
    <Select<T[]>
      mode="multiple"
      style={{ width }}
      value={value}
      onChange={onChange}
      options={options}
      placeholder={placeholder}
      aria-label={placeholder}
      showSearch={{ optionFilterProp: 'label' }}
      maxTagCount={0}
      maxTagPlaceholder={() => (value.length === 1 ? options.find((option) => option.value === value[0])?.label : t('filter.chosen', { count: value.length }))}
      allowClear
      popupMatchSelectWidth={false}
    />
  )
}
