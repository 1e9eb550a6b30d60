/** A text with `{{ names }}`: known ones are tinted, unknown ones underlined and named below, `{{` offers what there is. */
import { useId, useLayoutEffect, useRef, useState, type KeyboardEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { complete, completionAt, pieces, proposals, unknownNames } from '../model/template'

interface Props {
  id?: string
  value: string
  onChange: (value: string) => void
  /** Names that may be used. */
  known: ReadonlySet<string>
  rows?: number
  maxLength?: number
  placeholder?: string
  disabled?: boolean
  'aria-label'?: string
  'aria-invalid'?: boolean
  'aria-describedby'?: string
}

export function TemplateArea({ id, value, onChange, known, rows = 3, maxLength, placeholder, disabled, ...aria }: Props) {
  const { t } = useTranslation('assistants')
  const listId = useId()
  const noteId = useId()
  const area = useRef<HTMLTextAreaElement>(null)
  const shadow = useRef<HTMLDivElement>(null)
  const [caret, setCaret] = useState<number | null>(null)
  const [active, setActive] = useState(0)
  const place = useRef<number>(undefined)
  const at = caret === null ? undefined : completionAt(value, caret)
  const offers = at === undefined ? [] : proposals(known, at.typed).filter((name) => name !== at.typed)
  const open = offers.length > 0 && !disabled
  const unknown = unknownNames(value, known)
  const chosen = offers[Math.min(active, offers.length - 1)]

  useLayoutEffect(() => {
    if (place.current === undefined) return
    area.current?.setSelectionRange(place.current, place.current)
    setCaret(place.current)
    place.current = undefined
  }, [value])

  const look = () => setCaret(area.current && area.current.selectionStart === area.current.selectionEnd ? area.current.selectionStart : null)
  const choose = (name: string) => {
    const done = complete(value, caret ?? value.length, name)
    place.current = done.caret
    setActive(0)
    onChange(done.text)
    area.current?.focus()
  }
  const key = (event: KeyboardEvent) => {
    if (!open) return
    if (event.key === 'ArrowDown') setActive((now) => (now + 1) % offers.length)
    else if (event.key === 'ArrowUp') setActive((now) => (now + offers.length - 1) % offers.length)
    else if (event.key === 'Enter' || event.key === 'Tab') choose(chosen!)
    else if (event.key === 'Escape') setCaret(null)
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  return (
    <div className="cw-template">
      <div className="cw-template-frame" data-off={disabled || undefined}>
        <div ref={shadow} className="cw-template-shadow" aria-hidden>
          {pieces(value, known).map((piece, index) => (piece.mark ? <mark key={index} data-mark={piece.mark}>{piece.text}</mark> : <span key={index}>{piece.text}</span>))}
          {'\n'}
        </div>
        <textarea
          ref={area}
          id={id}
          rows={rows}
          value={value}
          maxLength={maxLength}
          placeholder={placeholder}
          disabled={disabled}
          spellCheck
          aria-autocomplete="list"
          aria-haspopup="listbox"
          aria-controls={listId}
          aria-activedescendant={open ? `${listId}-${offers.indexOf(chosen!)}` : undefined}
          {...aria}
          aria-describedby={[aria['aria-describedby'], unknown.length > 0 ? noteId : undefined].filter(Boolean).join(' ') || undefined}
          onChange={(event) => {
            onChange(event.target.value)
            setCaret(event.target.selectionStart)
            setActive(0)
          }}
          onKeyDown={key}
          onKeyUp={(event) => event.key !== 'Escape' && look()}
          onClick={look}
          onBlur={() => setCaret(null)}
          onScroll={(event) => {
            if (shadow.current) shadow.current.scrollTop = event.currentTarget.scrollTop
          }}
        />
        <ul id={listId} role="listbox" aria-label={t('template.offers')} className="cw-template-offers" hidden={!open}>
          {offers.map((name, index) => (
            <li key={name} id={`${listId}-${index}`} role="option" aria-selected={name === chosen} onMouseDown={(event) => { event.preventDefault(); choose(name) }}>{name}</li>
          ))}
        </ul>
      </div>
      {unknown.length > 0 && <div id={noteId} className="cw-template-note">{t('template.unknown', { count: unknown.length, names: unknown.join(', ') })}</div>}
    </div>
  )
}
