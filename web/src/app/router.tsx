/** All pages of the console. An area is added in `src/pages/areas.ts`, not here. */
import type { QueryClient } from '@tanstack/react-query'
import { createRoute, createRouter, lazyRouteComponent, redirect, type AnyRoute } from '@tanstack/react-router'
import { sessionQuery } from '@/api/session'
import { areas } from '@/pages/areas'
import { ErrorPage } from './pages/ErrorPage'
import { NotFoundPage } from './pages/NotFoundPage'
import { rootRoute, sendToSetup, shellRoute } from './roots'
import { parseSearch, stringifySearch } from './search-params'

const login = createRoute({
  getParentRoute: () => rootRoute,
  path: '/login',
  component: lazyRouteComponent(() => import('@/pages/entrance/LoginPage')),
  beforeLoad: async ({ context }) => {
    if ((await context.client.ensureQueryData(sessionQuery)) !== null) throw redirect({ to: '/' })
    await sendToSetup(context.client)
  },
})

const setup = createRoute({
  getParentRoute: () => rootRoute,
  path: '/setup',
  component: lazyRouteComponent(() => import('@/pages/entrance/SetupPage')),
})

const invite = createRoute({
  getParentRoute: () => rootRoute,
  path: '/invite/$token',
  component: lazyRouteComponent(() => import('@/pages/entrance/InvitePage')),
})

/** Every other address, with the shell around the answer. */
const elsewhere = createRoute({ getParentRoute: () => shellRoute, path: '$', component: NotFoundPage })

const inside: AnyRoute[] = areas.flatMap((area) => area.pages)

export function makeRouter(client: QueryClient) {
  return createRouter({
    routeTree: rootRoute.addChildren([login, setup, invite, shellRoute.addChildren([...inside, elsewhere])]),
    context: { client },
    parseSearch,
    stringifySearch,
    defaultPreload: 'intent',
    defaultPreloadStaleTime: 0,
    defaultErrorComponent: ErrorPage,
    scrollRestoration: true,
  })
}
