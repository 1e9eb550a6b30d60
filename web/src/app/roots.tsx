/** The two frames that pages hang from: the bare root, and the shell for people who are signed in. */
import type { QueryClient } from '@tanstack/react-query'
import { createRootRouteWithContext, createRoute, redirect } from '@tanstack/react-router'
import { sessionQuery, setupQuery } from '@/api/session'
import { ErrorPage } from './pages/ErrorPage'
import { NotFoundPage } from './pages/NotFoundPage'
import type { Search } from './search-params'
import { Shell } from './shell/Shell'

export const rootRoute = createRootRouteWithContext<{ client: QueryClient }>()({
  validateSearch: (search: Record<string, unknown>): Search => search as Search,
  errorComponent: ErrorPage,
  notFoundComponent: NotFoundPage,
})

export const shellRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: 'shell',
  component: Shell,
  beforeLoad: async ({ context, location }) => {
    if ((await context.client.ensureQueryData(sessionQuery)) === null) {
      throw redirect({ to: '/login', search: { next: location.href === '/' ? undefined : location.href } })
    }
  },
})

/** A server without users is set up first; one that has them is not set up again. */
export async function sendToSetup(client: QueryClient): Promise<void> {
  const setup = await client.fetchQuery(setupQuery)
  if (setup.needed) throw redirect({ to: '/setup' })
}
