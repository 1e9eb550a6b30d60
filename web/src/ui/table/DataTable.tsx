/**
 * The table of every list page: pages and sorts on the server, keeps filters, sort and page in the address, lets each
 * person choose columns, and is reachable by keyboard (`j`, `k`, `Enter`, `x`).
 */
import { Table } from 'antd'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, type MouseEvent, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { useDensity } from '../density'
import { ProblemAlert } from '../Problem'
import { useDelayed } from '../useDelayed'
import { BulkBar } from './BulkBar'
import { ColumnChooser } from './ColumnChooser'
import { isShown, ordered, type Column } from './columns'
import type { ListState } from './list'
import { NoRows } from './NoRows'
import { Pager } from './Pager'
import { useRowKeys } from './row-keys'
import type { Chosen, Selection } from './selection'

export interface DataTableProps<Row extends object> {
  /** What the table is of, for readers. */
  label: string
  columns: Column<Row>[]
  /** A query of one page; old rows stay while the next page loads. */
  query: { data: { items: Row[]; next?: string | null } | undefined; error: unknown; isPending: boolean; isPlaceholderData?: boolean; refetch: () => unknown }
  /** Sort, page and columns; without it the table shows all rows there are. */
  list?: ListState
  rowKey: (row: Row) => string
  /** What a row is called, for readers. */
  rowName: (row: Row) => string
  /** Where a click on a row leads; the name's cell has the same as a link. */
  to?: (row: Row) => string
  /** Filters, at the left above the table. */
  filters?: ReactNode
  /** Buttons, at the right above the table. */
  actions?: ReactNode
  /** Whether a filter is set, and what takes all of them away. */
  filtered?: boolean
  onReset?: () => void
  /** Shown when there is nothing without any filter. */
  empty: { text: ReactNode; action?: ReactNode }
  /** How many rows fit the filter, where that is known. */
  total?: number | undefined
  selection?: Selection
  bulk?: (chosen: Chosen) => ReactNode
  /** What a row opens to. */
  expand?: (row: Row) => ReactNode
}

/** Height of the header that the table's head sticks to. */
const HEADER = 52

export function DataTable<Row extends object>(props: DataTableProps<Row>) {
  const { query, list, selection, rowKey, rowName } = props
  const { t } = useTranslation()
  const navigate = useNavigate()
  const [density] = useDensity()
  const frame = useRef<HTMLDivElement>(null)
  const slow = useDelayed(query.isPending)
  const all = ordered(props.columns, list?.arrangement.order)
  const columns = all.filter((column) => isShown(column, list?.arrangement.shown))
  const rows = query.data?.items ?? []
  useRowKeys(frame)
  useInertMeasureRow(frame)

  const open = (row: Row) => (event: MouseEvent) => {
    if (props.to === undefined || (event.target as HTMLElement).closest('a, button, input, label, .ant-checkbox-wrapper, .ant-table-selection-column')) return
    if (String(getSelection()) !== '') return
    void navigate({ to: props.to(row) })
  }

  return (
    <div className="cw-table" ref={frame}>
      {(props.filters || props.actions || list) && (
        <div className="cw-toolbar">
          <div className="cw-filters">{props.filters}</div>
          <div className="cw-actions">
            {props.actions}
            {list && <ColumnChooser columns={all} list={list} />}
          </div>
        </div>
      )}
      <ProblemAlert error={query.error} retry={() => void query.refetch()} />
      <div className={`cw-table-frame ${query.isPlaceholderData ? 'cw-stale' : ''}`} aria-busy={query.isPending || query.isPlaceholderData}>
        {selection && !selection.empty && <BulkBar selection={selection} total={props.total} page={rows.length} more={Boolean(query.data?.next) || (list?.page ?? 1) > 1}>{props.bulk?.(selection.chosen)}</BulkBar>}
        <Table<Row>
          aria-label={props.label}
          size={density === 'compact' ? 'small' : 'medium'}
          tableLayout="fixed"
          sticky={{ offsetHeader: HEADER }}
          scroll={{ x: columns.reduce((sum, column) => sum + column.width, selection ? 44 : 0) }}
          pagination={false}
          showSorterTooltip={false}
          rowKey={rowKey}
          dataSource={rows}
          columns={columns.map((column) => ({
            key: column.key,
            title: column.quiet ? <span className="cw-hidden">{column.title}</span> : column.title,
            width: column.width,
            align: column.align,
            fixed: column.fixed,
            ellipsis: { showTitle: false },
            sorter: column.sort !== undefined,
            sortOrder: sortOrder(list?.sort, column.sort),
            render: (_: unknown, row: Row) => column.render(row),
          }))}
          onChange={(_pages, _filters, sorter) => {
            const by = Array.isArray(sorter) ? sorter[0] : sorter
            const field = props.columns.find((column) => column.key === by?.columnKey)?.sort
            list?.sortBy(field === undefined || !by?.order ? undefined : by.order === 'descend' ? `-${field}` : field)
          }}
          onRow={(row) => ({ onClick: open(row), className: props.to ? 'cw-row-opens' : '' })}
          rowSelection={
            selection && {
              columnWidth: 44,
              fixed: 'start',
              preserveSelectedRowKeys: true,
              selectedRowKeys: selection.chosen.all ? rows.map(rowKey) : selection.chosen.ids,
              onChange: (keys) => selection.choose(keys.map(String)),
              getCheckboxProps: (row) => ({ 'aria-label': t('table.select', { name: rowName(row) }) }),
              getTitleCheckboxProps: () => ({ 'aria-label': t('table.select_page') }),
            }
          }
          expandable={props.expand && { expandedRowRender: props.expand, columnWidth: 40, fixed: 'start' }}
          locale={{ emptyText: query.isPending ? <Waiting rows={list?.size ?? 5} shown={slow} density={density} /> : query.error ? ' ' : <NoRows {...props} /> }}
        />
        {list && query.data !== undefined && <Pager list={list} next={query.data.next ?? undefined} shown={rows.length} total={props.total} />}
      </div>
    </div>
  )
}

/** Grey rows of the real height, once loading has taken a while. */
function Waiting({ rows, shown, density }: { rows: number; shown: boolean; density: string }) {
  return (
    <div className="cw-waiting" data-density={density}>
      {Array.from({ length: Math.min(rows, 10) }, (_, index) => <div key={index}>{shown && <span style={{ width: `${38 + ((index * 17) % 45)}%` }} />}</div>)}
    </div>
  )
}

function sortOrder(sort: string | undefined, field: string | undefined): 'ascend' | 'descend' | null {
  if (sort === undefined || field === undefined) return null
  return sort === field ? 'ascend' : sort === `-${field}` ? 'descend' : null
}

/** A table that scrolls measures its columns in a hidden row, whose checkbox would take the focus. */
function useInertMeasureRow(frame: React.RefObject<HTMLDivElement | null>): void {
  useEffect(() => {
    for (const row of frame.current?.querySelectorAll('.ant-table-measure-row') ?? []) row.setAttribute('inert', '')
  })
}
