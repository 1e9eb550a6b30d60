/** Reads of campaigns. The keys are those that live events patch (`live/patch.ts`). */
import { queryOptions } from '@tanstack/react-query'
import { api, read, type Schema } from './client'
import type { paths } from './schema.gen'

export type Campaign = Schema['CampaignView']
export type Progress = Schema['ProgressView']
export type Diagnosis = Schema['DiagnosisView']
export type Hold = Schema['HoldView']
export type Target = Schema['TargetView']
export type Attempt = Schema['AttemptView']
export type Run = Schema['RunView']
export type Forecast = Schema['ForecastView']
export type CampaignWish = NonNullable<paths['/api/v1/campaigns']['get']['parameters']['query']>
export type TargetWish = NonNullable<paths['/api/v1/campaigns/{id}/contacts']['get']['parameters']['query']>
export type AttemptWish = NonNullable<paths['/api/v1/campaigns/{id}/attempts']['get']['parameters']['query']>

const at = (id: string) => ({ params: { path: { id } } })

export const campaignsQuery = (query: CampaignWish) =>
  queryOptions({ queryKey: ['campaigns', 'list', query], queryFn: () => read(api.GET('/api/v1/campaigns', { params: { query } })) })

export const campaignQuery = (id: string) =>
  queryOptions({ queryKey: ['campaigns', 'one', id], queryFn: () => read(api.GET('/api/v1/campaigns/{id}', at(id))) })

export const progressQuery = (id: string) =>
  queryOptions({ queryKey: ['campaigns', 'progress', id], queryFn: () => read(api.GET('/api/v1/campaigns/{id}/progress', at(id))) })

export const diagnosisQuery = (id: string) =>
  queryOptions({ queryKey: ['campaigns', 'diagnosis', id], queryFn: () => read(api.GET('/api/v1/campaigns/{id}/diagnosis', at(id))) })

export const runsQuery = (id: string) =>
  queryOptions({ queryKey: ['campaigns', 'runs', id], queryFn: () => read(api.GET('/api/v1/campaigns/{id}/runs', at(id))) })

export const targetsQuery = (id: string, query: TargetWish) =>
  queryOptions({
    queryKey: ['campaigns', 'targets', id, query],
    queryFn: () => read(api.GET('/api/v1/campaigns/{id}/contacts', { params: { path: { id }, query } })),
  })

export const attemptsQuery = (id: string, query: AttemptWish) =>
  queryOptions({
    queryKey: ['campaigns', 'attempts', id, query],
    queryFn: () => read(api.GET('/api/v1/campaigns/{id}/attempts', { params: { path: { id }, query } })),
  })

/** Computes for up to 20 s on the server, one at a time: ask only where a person looks at it. */
export const forecastQuery = (id: string, whatIf: Schema['ForecastInput'] | null) =>
  queryOptions({
    queryKey: ['campaigns', 'forecast', id, whatIf],
    queryFn: () =>
      whatIf === null
        ? read(api.GET('/api/v1/campaigns/{id}/forecast', at(id)))
        : read(api.POST('/api/v1/campaigns/{id}/forecast', { ...at(id), body: whatIf })),
    staleTime: 60_000,
    refetchOnWindowFocus: false,
  })

export const campaignTrunksQuery = (id: string) =>
  queryOptions({ queryKey: ['campaigns', 'trunks', id], queryFn: () => read(api.GET('/api/v1/campaigns/{id}/trunks', at(id))) })
