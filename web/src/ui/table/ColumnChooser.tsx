import { Button, Checkbox, Popover } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { IconButton } from '../IconButton'
import { ArrowDown, ArrowUp, Columns3 } from '../icons'
import { isShown, moved, type Column } from './columns'
import type { ListState } from './list'

/** Which columns are shown, and in which order; kept for the person. */
export function ColumnChooser<Row>({ columns, list }: { columns: Column<Row>[]; list: ListState }) {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  return (
    <Popover
      open={open}
      onOpenChange={setOpen}
      trigger="click"
      placement="bottomRight"
      arrow={false}
      content={<Choices columns={columns} list={list} />}
    >
      <Button icon={<Columns3 size={16} strokeWidth={1.75} />} aria-expanded={open} aria-haspopup="dialog">{t('table.columns')}</Button>
    </Popover>
  )
}

function Choices<Row>({ columns, list }: { columns: Column<Row>[]; list: ListState }) {
  const { t } = useTranslation()
  const free = columns.filter((column) => column.fixed === undefined)
  const keys = free.map((column) => column.key)
  const shown = free.filter((column) => isShown(column, list.arrangement.shown)).map((column) => column.key)
  const show = (key: string, on: boolean) => list.arrange({ shown: on ? [...shown, key] : shown.filter((one) => one !== key) })
  return (
    <div className="cw-chooser">
      <ul>
        {free.map((column, index) => (
          <li key={column.key}>
            <Checkbox checked={shown.includes(column.key)} onChange={(event) => show(column.key, event.target.checked)}>{column.title}</Checkbox>
            <span>
              <IconButton icon={ArrowUp} label={t('table.up', { column: column.title })} why={index === 0 ? t('table.at_top') : undefined} onClick={() => list.arrange({ order: moved(keys, column.key, -1) })} />
              <IconButton icon={ArrowDown} label={t('table.down', { column: column.title })} why={index === keys.length - 1 ? t('table.at_bottom') : undefined} onClick={() => list.arrange({ order: moved(keys, column.key, 1) })} />
            </span>
          </li>
        ))}
      </ul>
      {shown.length === free.length && <p className="cw-caption">{t('table.all_shown')}</p>}
      <Button size="small" onClick={() => list.arrange({ order: undefined, shown: undefined })}>{t('table.as_at_first')}</Button>
    </div>
  )
}
