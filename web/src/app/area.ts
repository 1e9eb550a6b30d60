/** What an area of the console brings with it: its pages, its places in the rail, what `Ctrl K` finds in it. */
import { createRoute, lazyRouteComponent, type AnyRoute } from '@tanstack/react-router'
import type { ComponentType } from 'react'
import type { Scope } from '@/api/session'
import type { Icon } from '@/ui/icons'
import { shellRoute } from './roots'

export interface Area {
  pages: AnyRoute[]
  nav: NavItem[]
  find?: Finder
}

export interface NavItem {
  to: string
  /** Text `nav.LABEL` of the catalogue `common`. */
  label: string
  icon: Icon
  group: 'main' | 'people' | 'build' | 'connect' | 'settings'
  /** Smaller is higher in its group. */
  order: number
  scope?: Scope
  /** `g` and this letter jump there. */
  key?: string
  /** Beside the label, such as the number of live calls. */
  Badge?: ComponentType
}

export interface Hit {
  to: string
  label: string
  hint?: string | undefined
  icon: Icon
}

/** What there is under a text in an area, at most a handful. Asked only when the scope is there. */
export interface Finder {
  scope: Scope
  find(text: string): Promise<Hit[]>
}

/** What a page says of itself to the shell. */
export interface PageMeta {
  /** Without it the page says which scope is missing. */
  scope?: Scope
}

/** A page inside the shell, loaded when it is opened: `page('/campaigns', () => import('./ListPage'), { scope: 'campaigns:read' })`. */
export function page(path: string, load: () => Promise<{ default: ComponentType }>, meta: PageMeta = {}): AnyRoute {
  return createRoute({
    getParentRoute: () => shellRoute,
    path,
    component: lazyRouteComponent(load),
    staticData: { scope: meta.scope },
  })
}

declare module '@tanstack/react-router' {
  interface StaticDataRouteOption {
    scope?: Scope | undefined
  }
}
