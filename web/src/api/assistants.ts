/** Assistants and what they know: reads, and the change that makes a new version. */
import { queryOptions, useQueryClient } from '@tanstack/react-query'
import { api, read, type Schema } from './client'
import type { Assistant } from './organisation'

export type { Assistant }
export type Definition = Schema['Assistant']
export type Flow = Schema['Flow']
export type FlowNode = Schema['Node']
export type Document = Schema['SourceView']

export const assistantQuery = (id: string) =>
  queryOptions({ queryKey: ['assistants', 'one', id], queryFn: () => read(api.GET('/api/v1/assistants/{id}', { params: { path: { id } } })) })

export const knowledgeQuery = queryOptions({
  queryKey: ['knowledge', 'all'],
  queryFn: () => read(api.GET('/api/v1/knowledge', { params: { query: { limit: 1000 } } })),
  staleTime: 30_000,
})

/** Somebody saved first. */
export class Conflict extends Error {}

/** Saves over the version that was read; `Conflict` when there is a newer one. */
export function useSaveAssistant(): (base: Assistant, definition: Definition) => Promise<Assistant> {
  const client = useQueryClient()
  return async (base, definition) => {
    const path = { id: base.id }
    const { data, response } = await api.GET('/api/v1/assistants/{id}', { params: { path } })
    if (data!.version !== base.version) throw new Conflict()
    const saved = await read(api.PUT('/api/v1/assistants/{id}', { params: { path, header: { 'If-Match': response.headers.get('ETag') ?? '*' } }, body: definition }))
    client.setQueryData(assistantQuery(base.id).queryKey, saved)
    await client.invalidateQueries({ queryKey: ['assistants', 'all'] })
    return saved
  }
}
