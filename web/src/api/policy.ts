/** What holds for all calls of the organisation. */
import { queryOptions } from '@tanstack/react-query'
import { api, read, type Schema } from './client'

export type CallingPolicy = Schema['CallingPolicy']

export const callingPolicyQuery = queryOptions({ queryKey: ['policy', 'calling'], queryFn: () => read(api.GET('/api/v1/calling-policy')), staleTime: 60_000 })

export const callingLawQuery = queryOptions({ queryKey: ['policy', 'law'], queryFn: () => read(api.GET('/api/v1/calling-law')), staleTime: Infinity })
