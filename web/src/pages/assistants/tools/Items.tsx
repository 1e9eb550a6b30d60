/** A card of things that open to a form each. */
import { Button } from 'antd'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Card } from '@/ui/Card'
import { Empty } from '@/ui/Empty'
import { Plus, Trash2 } from '@/ui/icons'
import { useDraft } from '../parts/draft'

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
  const buttons = editable && add.map(({ label, act }) => <Button key={label} icon={<Plus size={15} />} onClick={act}>{label}</Button>)
  return (
    <Card title={title} actions={buttons}>
      <p className="cw-soft cw-gap">{text}</p>
      {items.length === 0 ? (
        <Empty text={none} />
      ) : (
        items.map((item) => (
          <details key={item.key} className="cw-details" open={item.name === ''}>
            <summary>
              <strong>{item.name || t('tools.unnamed')}</strong> <span className="cw-soft">{item.note}</span>
            </summary>
            {item.body}
            {editable && <Button danger size="small" icon={<Trash2 size={14} />} onClick={item.remove}>{t('tools.remove', { name: item.name })}</Button>}
          </details>
        ))
      )}
    </Card>
  )
}
