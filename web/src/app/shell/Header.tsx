import { Link } from '@tanstack/react-router'
import { Button, Dropdown } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { CircleHelp, Search } from '@/ui/icons'
import { useCrumbTrail } from '../crumbs'
import { NARROW, useMedia } from '../media'
import { openKeys, openPalette } from './overlays'
import { UserMenu } from './UserMenu'

export function Header() {
  const { t } = useTranslation()
  const narrow = useMedia(NARROW)
  return (
    <header className="cw-header">
      <Crumbs />
      <button type="button" className="cw-jump" onClick={openPalette}>
        <Search size={15} strokeWidth={1.75} aria-hidden />
        <span>{t('shell.jump')}</span>
        {!narrow && <kbd>Ctrl K</kbd>}
      </button>
      <Help />
      <UserMenu />
    </header>
  )
}

function Crumbs() {
  const { t } = useTranslation()
  const trail = useCrumbTrail()
  return (
    <nav className="cw-crumbs" aria-label={t('shell.crumbs')}>
      <ol>
        {trail.map((crumb, index) => {
          const last = index === trail.length - 1
          return (
            <li key={`${index}${crumb.label}`} aria-current={last ? 'page' : undefined} title={crumb.label}>
              {crumb.to !== undefined && !last ? <Link to={crumb.to}>{crumb.label}</Link> : crumb.label}
            </li>
          )
        })}
      </ol>
    </nav>
  )
}

function Help() {
  const { t } = useTranslation()
  const [open, setOpen] = useState(false)
  const items = [
    { key: 'keys', label: t('shell.keys'), onClick: openKeys },
    { key: 'api', label: <a href="/openapi.json" target="_blank" rel="noreferrer">{t('shell.api')}</a> },
  ]
  return (
    <Dropdown menu={{ items }} trigger={['click']} placement="bottomRight" open={open} onOpenChange={setOpen}>
      <Button type="text" aria-label={t('shell.help')} aria-expanded={open} aria-haspopup="menu" icon={<CircleHelp size={18} strokeWidth={1.75} />} />
    </Dropdown>
  )
}
