import { useTranslation } from 'react-i18next'
import { number } from '../format'
import { IconButton } from '../IconButton'
import { ChevronLeft, ChevronRight } from '../icons'
import { useLocale } from '../values'
import { SIZES, type ListState } from './list'

/** Totals are counted up to here; what is more is told as "about". */
const COUNTED = 10_000

interface Props {
  list: ListState
  next: string | undefined
  shown: number
  total: number | undefined
}

export function Pager({ list, next, shown, total }: Props) {
  const { t } = useTranslation()
  const locale = useLocale()
  const first = (list.page - 1) * list.size + 1
  const last = first + shown - 1
  const known = next === undefined ? last : total
  const range = t('table.range', { first: number(first, locale), last: number(last, locale) })
  const of = known === undefined ? '' : ` ${t(known > COUNTED ? 'table.of_about' : 'table.of', { total: number(known, locale) })}`
  return (
    <div className="cw-pager">
      <span className="cw-num" role="status">{shown === 0 ? '' : range + of}</span>
      <IconButton icon={ChevronLeft} label={t('table.previous')} why={list.page === 1 ? t('table.is_first') : undefined} onClick={list.back} />
      <span className="cw-num cw-page-no">{list.page}</span>
      <IconButton icon={ChevronRight} label={t('table.next')} why={next === undefined ? t('table.is_last') : undefined} onClick={() => next !== undefined && list.next(next)} />
      <select className="cw-select" aria-label={t('table.size')} value={list.size} onChange={(event) => list.resize(Number(event.target.value))}>
        {SIZES.map((size) => <option key={size} value={size}>{t('table.per_page', { count: size })}</option>)}
      </select>
    </div>
  )
}
