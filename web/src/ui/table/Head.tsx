import { Checkbox } from 'antd'
import { useTranslation } from 'react-i18next'
import { ArrowDown, ArrowUp, ChevronsUpDown } from '../icons'
import type { Column } from './columns'
import type { ListState } from './list'
import { EXPAND_WIDTH, SELECT_WIDTH, stuck } from './Rows'
import type { Selection } from './selection'

interface Props<Row> {
  columns: Column<Row>[]
  rows: Row[]
  rowKey: (row: Row) => string
  list?: ListState
  selection?: Selection
  expand?: unknown
}

export function Head<Row>({ columns, rows, rowKey, list, selection, expand }: Props<Row>) {
  const { t } = useTranslation()
  return (
    <>
      <colgroup>
        {selection && <col style={{ inlineSize: SELECT_WIDTH }} />}
        {Boolean(expand) && <col style={{ inlineSize: EXPAND_WIDTH }} />}
        {columns.map((column) => <col key={column.key} style={{ inlineSize: column.width }} />)}
      </colgroup>
      <thead>
        <tr>
          {selection && (
            <th scope="col" className="cw-pick" {...stuck('start', 0)}>
              <PickPage keys={rows.map(rowKey)} selection={selection} />
            </th>
          )}
          {Boolean(expand) && <th scope="col" {...stuck('start', selection ? SELECT_WIDTH : 0)}><span className="cw-hidden">{t('table.expand')}</span></th>}
          {columns.map((column) => {
            const lead = (selection ? SELECT_WIDTH : 0) + (expand ? EXPAND_WIDTH : 0)
            const order = sortOrder(list?.sort, column.sort)
            return (
              <th key={column.key} scope="col" data-align={column.align} aria-sort={column.sort === undefined ? undefined : (order ?? 'none')} {...stuck(column.fixed, lead)}>
                {column.sort !== undefined && list !== undefined ? (
                  <button type="button" className="cw-sort" onClick={() => list.sortBy(next(column.sort!, order))}>
                    <span>{column.title}</span>
                    {order === 'ascending' ? <ArrowUp size={13} aria-hidden /> : order === 'descending' ? <ArrowDown size={13} aria-hidden /> : <ChevronsUpDown size={13} aria-hidden />}
                  </button>
                ) : (
                  <span className={column.quiet ? 'cw-hidden' : 'cw-ellipsis'} title={column.quiet ? undefined : column.title}>{column.title}</span>
                )}
              </th>
            )
          })}
        </tr>
      </thead>
    </>
  )
}

/** Ticks what the page shows; what was chosen on other pages stays chosen. */
function PickPage({ keys, selection }: { keys: string[]; selection: Selection }) {
  const { t } = useTranslation()
  const ids = selection.chosen.all ? keys : selection.chosen.ids
  const here = keys.filter((key) => ids.includes(key)).length
  const toggle = (on: boolean) => {
    const others = selection.chosen.all ? [] : selection.chosen.ids.filter((id) => !keys.includes(id))
    selection.choose(on ? [...others, ...keys] : others)
  }
  return <Checkbox aria-label={t('table.select_page')} checked={keys.length > 0 && here === keys.length} indeterminate={here > 0 && here < keys.length} disabled={keys.length === 0} onChange={(event) => toggle(event.target.checked)} />
}

function sortOrder(sort: string | undefined, field: string | undefined): 'ascending' | 'descending' | undefined {
  if (sort === undefined || field === undefined) return undefined
  return sort === field ? 'ascending' : sort === `-${field}` ? 'descending' : undefined
}

/** Up, down, and then as the list is by itself. */
function next(field: string, order: 'ascending' | 'descending' | undefined): string | undefined {
  return order === undefined ? field : order === 'ascending' ? `-${field}` : undefined
}
