/** `Ctrl K`: jump to a page, or to a thing by its name. */
import { useQuery, keepPreviousData } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Input, Modal } from 'antd'
import { useId, useState, type KeyboardEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { useCan } from '@/api/session'
import { areas } from '@/pages/areas'
import { Search } from '@/ui/icons'
import { useDebounced } from '@/ui/useDelayed'
import type { Hit } from '../area'
import { closeOverlay } from './overlays'
import { useNav } from './Rail'

/** Milliseconds after the last letter. */
const PAUSE = 300

export default function Palette() {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const list = useId()
  const hits = useHits(text.trim())
  const here = Math.min(at, hits.length - 1)

  const go = (hit: Hit | undefined) => {
    if (hit === undefined) return
    closeOverlay()
    void navigate({ to: hit.to })
  }
  const heard = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step !== undefined && hits.length > 0) {
      event.preventDefault()
      setAt((here + step + hits.length) % hits.length)
    } else if (event.key === 'Enter') go(hits[here])
  }

  return (
    <Modal open closable={false} footer={null} onCancel={closeOverlay} width={560} style={{ top: 96 }} className="cw-palette" title={<span className="cw-hidden">{t('shell.jump')}</span>}>
      <Input
        autoFocus
        size="large"
        variant="borderless"
        prefix={<Search size={16} />}
        placeholder={t('palette.placeholder')}
        aria-label={t('palette.placeholder')}
        role="combobox"
        aria-expanded={hits.length > 0}
        aria-controls={list}
        aria-activedescendant={hits[here] ? `${list}-${here}` : undefined}
        value={text}
        onChange={(event) => { setText(event.target.value); setAt(0) }}
        onKeyDown={heard}
      />
      <ul id={list} role="listbox" aria-label={t('palette.results')} className="cw-palette-list">
        {hits.map((hit, index) => (
          <li key={hit.to} id={`${list}-${index}`} role="option" aria-selected={index === here} onClick={() => go(hit)} onMouseMove={() => setAt(index)}>
            <hit.icon size={16} strokeWidth={1.75} aria-hidden />
            <span className="cw-ellipsis">{hit.label}</span>
            {hit.hint && <small className="cw-ellipsis">{hit.hint}</small>}
          </li>
        ))}
      </ul>
      {hits.length === 0 && <p className="cw-palette-none">{t('palette.none')}</p>}
    </Modal>
  )
}

function useHits(text: string): Hit[] {
  const { t } = useTranslation()
  const can = useCan()
  const places = useNav()
    .map((item): Hit => ({ to: item.to, label: t(`nav.${item.label}`), icon: item.icon }))
    .filter((hit) => hit.label.toLowerCase().includes(text.toLowerCase()))
  const wanted = useDebounced(text, PAUSE)
  const { data } = useQuery({
    queryKey: ['palette', wanted],
    enabled: wanted.length > 1,
    placeholderData: keepPreviousData,
    queryFn: async () => {
      const finders = areas.flatMap((area) => (area.find && can(area.find.scope) ? [area.find] : []))
      const found = await Promise.allSettled(finders.map((finder) => finder.find(wanted)))
      return found.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
    },
  })
  return [...places, ...(wanted.length > 1 ? (data ?? []) : [])].slice(0, 12)
}
