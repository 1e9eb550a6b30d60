import { Button } from 'antd'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { number } from '../format'
import { X } from '../icons'
import { useLocale } from '../values'
import type { Selection } from './selection'

interface Props {
  selection: Selection
  total: number | undefined
  /** Rows on this page. */
  page: number
  /** There are other pages. */
  more: boolean
  children: ReactNode
}

/** How many are chosen, what can be done to them, and the way to choose all that match. */
export function BulkBar({ selection, total, page, more, children }: Props) {
  const { t } = useTranslation()
  const locale = useLocale()
  const { chosen } = selection
  const count = chosen.all ? total : chosen.ids.length
  const words = count === undefined ? t('table.all_selected') : t('table.selected', { count, text: number(count, locale) })
  const offer = !chosen.all && more && chosen.ids.length >= page
  return (
    <div className="cw-bulk" role="group" aria-label={words}>
      <strong className="cw-num" role="status">{words}</strong>
      {children}
      <span className="cw-bulk-end">
        {offer && <button type="button" className="cw-link" onClick={selection.chooseAll}>{total === undefined ? t('table.choose_all') : t('table.choose_total', { text: number(total, locale) })}</button>}
        <Button type="text" size="small" icon={<X size={14} />} onClick={selection.clear}>{t('table.clear')}</Button>
      </span>
    </div>
  )
}
