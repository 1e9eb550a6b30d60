/** A card of things that open to a form each. */
import { Button, Collapse } from 'antd'
import { useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Card } from '@/ui/Card'
import { Empty } from '@/ui/Empty'
import { IconButton } from '@/ui/IconButton'
import { Plus, Trash2 } from '@/ui/icons'
import { useDraft } from '../parts/draft'
import { Fields } from '../parts/Field'

interface Props {
  title: string
  text: string
  none: string
  items: { key: string; name: string; note: string; body: ReactNode; remove: () => void }[]
  add: { label: string; act: () => void }[]
}

export function Items({ title, text, none, items, add }: Props) {
  const { t } = useTranslation('assistants')
  const { editable } = useDraft()
  const [open, setOpen] = useState<string[]>([])
  const buttons = editable && add.map(({ label, act }) => <Button key={label} icon={<Plus size={15} />} onClick={() => { act(); setOpen([...open, String(items.length)]) }}>{label}</Button>)
  return (
    <Card title={title} actions={buttons}>
      <p className="cw-soft cw-gap">{text}</p>
      {items.length === 0 ? (
        <Empty text={none} />
      ) : (
        <Collapse
          activeKey={open}
          onChange={(keys) => setOpen(keys.map(String))}
          items={items.map((item) => ({
            key: item.key,
            label: <span className="cw-line"><strong>{item.name || t('tools.unnamed')}</strong><span className="cw-soft cw-ellipsis">{item.note}</span></span>,
            extra: editable && <span onClick={(event) => event.stopPropagation()}><IconButton icon={Trash2} danger label={t('tools.remove', { name: item.name })} onClick={item.remove} /></span>,
            children: <Fields>{item.body}</Fields>,
          }))}
        />
      )}
    </Card>
  )
}
