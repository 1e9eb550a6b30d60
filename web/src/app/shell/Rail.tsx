import { Link } from '@tanstack/react-router'
import { Tooltip } from 'antd'
import { useTranslation } from 'react-i18next'
import { useCan } from '@/api/session'
import { areas } from '@/pages/areas'
import type { NavItem } from '../area'
import { NARROW, useMedia } from '../media'
import { Logo } from './Logo'

const GROUPS = ['main', 'people', 'build', 'connect', 'settings'] as const

/** The places this person may go to, in the order of the map. */
export function useNav(): NavItem[] {
  const can = useCan()
  return areas
    .flatMap((area) => area.nav)
    .filter((item) => item.scope === undefined || can(item.scope))
    .sort((a, b) => GROUPS.indexOf(a.group) - GROUPS.indexOf(b.group) || a.order - b.order)
}

export function Rail() {
  const { t } = useTranslation()
  const nav = useNav()
  return (
    <nav className="cw-rail" aria-label={t('shell.rail')}>
      <Link to="/" className="cw-brand" aria-label={t('shell.home')}>
        <Logo />
        <span className="cw-rail-word">Callwright</span>
      </Link>
      {GROUPS.map((group) => {
        const items = nav.filter((item) => item.group === group)
        if (items.length === 0) return null
        return (
          <div key={group} className={`cw-rail-group cw-rail-${group}`}>
            {group !== 'main' && group !== 'settings' && <div className="cw-rail-title cw-rail-word">{t(`nav.group.${group}`)}</div>}
            {items.map((item) => <RailLink key={item.to} item={item} />)}
          </div>
        )
      })}
    </nav>
  )
}

function RailLink({ item }: { item: NavItem }) {
  const { t } = useTranslation()
  const narrow = useMedia(NARROW)
  const label = t(`nav.${item.label}`)
  return (
    <Tooltip title={narrow ? label : ''} placement="right">
      <Link to={item.to} className="cw-rail-link" activeOptions={{ exact: item.to === '/' }}>
        <item.icon size={16} strokeWidth={1.75} aria-hidden />
        <span className="cw-rail-word">{label}</span>
        {item.Badge && <item.Badge />}
      </Link>
    </Tooltip>
  )
}
