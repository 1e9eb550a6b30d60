/**
 * The table of every list page: pages and sorts on the server, keeps filters, sort and page in the address, lets each
 * person choose columns, and is reachable by keyboard (`j`, `k`, `Enter`, `x`). One plain table, so that readers find
 * the head of every cell; the head sticks below the page's header, or inside the frame where columns have to scroll.
 */
import { useRef, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { useDensity } from '../density'
import { ProblemAlert } from '../Problem'
import { useDelayed } from '../useDelayed'
import { BulkBar } from './BulkBar'
import { ColumnChooser } from './ColumnChooser'
import { isShown, ordered, type Column } from './columns'
import { Head } from './Head'
import type { ListState } from './list'
import { NoRows } from './NoRows'
import { Pager } from './Pager'
import { useRowKeys } from './row-keys'
import { EXPAND_WIDTH, Rows, SELECT_WIDTH } from './Rows'
import type { Chosen, Selection } from './selection'
import { useOverflow } from './useOverflow'

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
  /** What a click on a row does where it leads to no other page; the name's cell has the same as a link. */
  onOpen?: (row: Row) => void
  /** The row that is open beside the table. */
  isOpen?: (row: Row) => boolean
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

export function DataTable<Row extends object>(props: DataTableProps<Row>) {
  const { query, list, selection } = props
  const { t } = useTranslation()
  const [density] = useDensity()
  const frame = useRef<HTMLDivElement>(null)
  const slow = useDelayed(query.isPending)
  const all = ordered(props.columns, list?.arrangement.order)
  const columns = all.filter((column) => isShown(column, list?.arrangement.shown))
  const width = columns.reduce((sum, column) => sum + column.width, (selection ? SELECT_WIDTH : 0) + (props.expand ? EXPAND_WIDTH : 0))
  const rows = query.data?.items ?? []
  const scrolls = useOverflow(frame, width)
  useRowKeys(frame)
  const several = Boolean(query.data?.next) || (list?.page ?? 1) > 1

  return (
    <div className="cw-table">
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
      <div className="cw-table-frame">
        {selection && !selection.empty && <BulkBar selection={selection} total={props.total} page={rows.length} more={several}>{props.bulk?.(selection.chosen)}</BulkBar>}
        <div ref={frame} className="cw-table-scroll" data-scrolls={scrolls || undefined} {...(scrolls ? { tabIndex: 0, role: 'region', 'aria-label': t('table.scrolls', { label: props.label }) } : {})}>
          <table className={`cw-data ${query.isPlaceholderData ? 'cw-stale' : ''}`} style={{ minInlineSize: width }} data-density={density} aria-label={props.label} aria-busy={query.isPending || query.isPlaceholderData}>
            <Head {...props} columns={columns} rows={rows} />
            {rows.length > 0 && <Rows {...props} columns={columns} rows={rows} />}
          </table>
        </div>
        {query.isPending && <Waiting rows={list?.size ?? 5} shown={slow} density={density} />}
        {!query.isPending && !query.error && rows.length === 0 && <NoRows {...props} />}
        {list && query.data !== undefined && (rows.length > 0 || list.page > 1) && <Pager list={list} next={query.data.next ?? undefined} shown={rows.length} total={props.total} />}
      </div>
    </div>
  )
}

/** Grey rows of the real height, once loading has taken a while. */
function Waiting({ rows, shown, density }: { rows: number; shown: boolean; density: string }) {
  return (
    <div className="cw-waiting" data-density={density} aria-hidden>
      {Array.from({ length: Math.min(rows, 10) }, (_, index) => <div key={index}>{shown && <span style={{ inlineSize: `${38 + ((index * 17) % 45)}%` }} />}</div>)}
    </div>
  )
}
