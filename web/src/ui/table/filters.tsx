/** Filters above a table. Each has its value in the address. */
import { Checkbox, Input, Popover } from 'antd'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ChevronDown, Search } from '../icons'
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
      style={{ flex: `0 1 ${width}px`, minInlineSize: 170, inlineSize: width }}
      prefix={<Search size={15} strokeWidth={1.75} aria-hidden />}
      placeholder={placeholder}
      aria-label={placeholder}
      value={text}
      onChange={(event) => setText(event.target.value)}
      onPressEnter={() => text.trim() !== sent && say(text.trim())}
    />
  )
}

interface ChoiceProps<T extends string> {
  value: T[]
  onChange: (value: T[]) => void
  options: { value: T; label: string }[]
  /** What stands there when nothing is chosen: "Any state". */
  placeholder: string
  /** Only one of them at a time. */
  single?: boolean
}

/** Some of a list of values, behind a button that says what is chosen. */
export function StateFilter<T extends string>({ value, onChange, options, placeholder, single = false }: ChoiceProps<T>) {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  const [only] = value
  const words = only === undefined ? placeholder : value.length === 1 ? (options.find((option) => option.value === only)?.label ?? placeholder) : t('filter.chosen', { count: value.length })
  const pick = (one: T, on: boolean) => {
    // In the order of the options, so that one choice has one address.
    onChange(single ? (on ? [one] : []) : options.map((option) => option.value).filter((known) => (known === one ? on : value.includes(known))))
    if (single) setOpen(false)
  }
  return (
    <Popover
      open={open}
      onOpenChange={setOpen}
      trigger="click"
      placement="bottomLeft"
      arrow={false}
      content={
        <div className="cw-choices" role="group" aria-label={placeholder}>
          {options.map((option) => (
            <Checkbox key={option.value} checked={value.includes(option.value)} onChange={(event) => pick(option.value, event.target.checked)}>{option.label}</Checkbox>
          ))}
          {value.length > 0 && <button type="button" className="cw-link cw-caption" onClick={() => onChange([])}>{t('filter.none')}</button>}
        </div>
      }
    >
      <button type="button" className="cw-filter" data-chosen={value.length > 0 || undefined} aria-expanded={open} aria-haspopup="dialog" aria-label={value.length > 0 ? `${words} (${placeholder})` : undefined}>
        <span className="cw-ellipsis">{words}</span>
        <ChevronDown size={15} strokeWidth={1.75} aria-hidden />
      </button>
    </Popover>
  )
}
