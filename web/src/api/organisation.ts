/** Reads of what belongs to the organisation as a whole: its plan, assistants, trunks and providers. */
import { queryOptions, useQuery } from '@tanstack/react-query'
import { api, read, type Schema } from './client'

export type Assistant = Schema['AssistantView']
export type Trunk = Schema['TrunkView']

/** Enough to name every assistant and trunk in a table; the server gives at most a thousand at a time. */
const ALL = { params: { query: { limit: 1000 } } }

export const limitsQuery = queryOptions({ queryKey: ['organisation', 'limits'], queryFn: () => read(api.GET('/api/v1/organisation/limits')) })

export const usageQuery = queryOptions({ queryKey: ['organisation', 'usage'], queryFn: () => read(api.GET('/api/v1/organisation/usage')) })

export const liveCallsQuery = queryOptions({ queryKey: ['calls', 'live'], queryFn: () => read(api.GET('/api/v1/calls/live')) })

export const assistantsQuery = queryOptions({
  queryKey: ['assistants', 'all'],
  queryFn: () => read(api.GET('/api/v1/assistants', ALL)),
  staleTime: 60_000,
})

export const trunksQuery = queryOptions({
  queryKey: ['trunks', 'all'],
  queryFn: () => read(api.GET('/api/v1/trunks', ALL)),
  staleTime: 30_000,
})

export const providersQuery = queryOptions({
  queryKey: ['providers', 'all'],
  queryFn: () => read(api.GET('/api/v1/providers', ALL)),
  staleTime: 30_000,
})

/** Name of an assistant; `undefined` until it is known. */
export function useAssistantName(): (id: string) => string | undefined {
  const { data } = useQuery(assistantsQuery)
  return (id) => data?.items.find((assistant) => assistant.id === id)?.definition.name
}

export function useTrunkName(): (id: string) => string | undefined {
  const { data } = useQuery(trunksQuery)
  return (id) => data?.items.find((trunk) => trunk.id === id)?.name
}
