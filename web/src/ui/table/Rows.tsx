import { useNavigate } from '@tanstack/react-router'
import { Checkbox } from 'antd'
import { Fragment, useState, type CSSProperties, type MouseEvent, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { ChevronDown, ChevronRight } from '../icons'
import type { Column } from './columns'
import type { Selection } from './selection'

export const SELECT_WIDTH = 42
export const EXPAND_WIDTH = 36

interface Props<Row> {
  columns: Column<Row>[]
  rows: Row[]
  rowKey: (row: Row) => string
  rowName: (row: Row) => string
  to?: (row: Row) => string
  onOpen?: (row: Row) => void
  isOpen?: (row: Row) => boolean
  selection?: Selection
  expand?: (row: Row) => ReactNode
}

export function Rows<Row>({ columns, rows, rowKey, rowName, to, onOpen, isOpen: shown, selection, expand }: Props<Row>) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const [opened, setOpened] = useState<readonly string[]>([])
  const lead = (selection ? SELECT_WIDTH : 0) + (expand ? EXPAND_WIDTH : 0)
  const chosen = (key: string) => selection !== undefined && (selection.chosen.all || selection.chosen.ids.includes(key))

  const pick = (key: string, on: boolean) => {
    if (selection === undefined) return
    const ids = selection.chosen.all ? rows.map(rowKey) : selection.chosen.ids
    selection.choose(on ? [...ids, key] : ids.filter((id) => id !== key))
  }
  const open = (row: Row) => (event: MouseEvent) => {
    if ((to === undefined && onOpen === undefined) || (event.target as HTMLElement).closest('a, button, input, label, [role="menu"], .cw-pick')) return
    // Marking text in a row is no click on it.
    if (String(getSelection()) !== '') return
    if (to) void navigate({ to: to(row) })
    else onOpen?.(row)
  }
  const turn = (key: string) => setOpened(opened.includes(key) ? opened.filter((one) => one !== key) : [...opened, key])

  return (
    <tbody>
      {rows.map((row) => {
        const key = rowKey(row)
        const isOpen = opened.includes(key)
        return (
          <Fragment key={key}>
            <tr className="cw-row" data-opens={to || onOpen ? true : undefined} data-chosen={chosen(key) || shown?.(row) || undefined} onClick={open(row)}>
              {selection && (
                <td className="cw-pick" {...stuck('start', 0)}>
                  <Checkbox aria-label={t('table.select', { name: rowName(row) })} checked={chosen(key)} onChange={(event) => pick(key, event.target.checked)} />
                </td>
              )}
              {expand && (
                <td {...stuck('start', selection ? SELECT_WIDTH : 0)}>
                  <button type="button" className="cw-expand" aria-expanded={isOpen} aria-label={t('table.expand_row', { name: rowName(row) })} onClick={() => turn(key)}>
                    {isOpen ? <ChevronDown size={16} aria-hidden /> : <ChevronRight size={16} aria-hidden />}
                  </button>
                </td>
              )}
              {columns.map((column) => <td key={column.key} data-align={column.align} {...stuck(column.fixed, lead)}>{column.render(row)}</td>)}
            </tr>
            {expand && isOpen && (
              <tr className="cw-expanded">
                <td colSpan={columns.length + 1 + (selection ? 1 : 0)}><div>{expand(row)}</div></td>
              </tr>
            )}
          </Fragment>
        )
      })}
    </tbody>
  )
}

/** A cell that stays at its end while the others scroll; `lead` pixels are taken before it. */
export function stuck(fixed: 'start' | 'end' | undefined, lead: number): { 'data-fixed'?: 'start' | 'end'; style?: CSSProperties } {
  if (fixed === undefined) return {}
  return { 'data-fixed': fixed, style: fixed === 'start' ? { insetInlineStart: lead } : { insetInlineEnd: 0 } }
}
