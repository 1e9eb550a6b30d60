/** The keys that work on every page, and what they open. */
import { useNavigate } from '@tanstack/react-router'
import { lazy, Suspense, useEffect } from 'react'
import type { NavItem } from '../area'
import { useKey } from '../keys'
import { openKeys, openPalette, useOverlay } from './overlays'
import { useNav } from './Rail'

const Palette = lazy(() => import('./Palette'))
const KeyList = lazy(() => import('./KeyList'))
const Profile = lazy(() => import('./Profile'))

export function Keys() {
  const overlay = useOverlay()
  const nav = useNav()
  useEffect(() => {
    const heard = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return
      event.preventDefault()
      openPalette()
    }
    addEventListener('keydown', heard)
    return () => removeEventListener('keydown', heard)
  }, [])
  useKey('?', openKeys)
  useKey('/', () => document.querySelector<HTMLInputElement>('[data-page-search] input, input[data-page-search]')?.focus())
  return (
    <>
      {nav.filter((item) => item.key !== undefined).map((item) => <Jump key={item.to} item={item} />)}
      <Suspense>
        {overlay === 'palette' && <Palette />}
        {overlay === 'keys' && <KeyList />}
        {overlay === 'profile' && <Profile />}
      </Suspense>
    </>
  )
}

function Jump({ item }: { item: NavItem }) {
  const navigate = useNavigate()
  useKey(`g ${item.key}`, () => void navigate({ to: item.to }))
  return null
}
