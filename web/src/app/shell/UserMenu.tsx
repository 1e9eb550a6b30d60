import { Popover } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useSession } from '@/api/session'

const UserSettings = lazy(() => import('./UserSettings'))

export function UserMenu() {
  const { t } = useTranslation()
  const session = useSession()
  const [open, setOpen] = useState(false)
  if (session === null) return null
  return (
    <Popover
      open={open}
      onOpenChange={setOpen}
      trigger="click"
      placement="bottomRight"
      arrow={false}
      content={<div className="cw-user-menu"><Suspense>{open && <UserSettings session={session} close={() => setOpen(false)} />}</Suspense></div>}
    >
      <button type="button" className="cw-user" aria-label={`${initials(session.user.name)}: ${t('shell.user', { name: session.user.name })}`} aria-expanded={open} aria-haspopup="dialog">
        <span aria-hidden>{initials(session.user.name)}</span>
      </button>
    </Popover>
  )
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/)
  return [words[0], words.length > 1 ? words.at(-1) : undefined].map((word) => [...(word ?? '')][0] ?? '').join('').toUpperCase() || '?'
}
