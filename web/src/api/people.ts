/** Reads of people: contacts, cases, lists, tags, and what is done to many of them. */
import { queryOptions } from '@tanstack/react-query'
import { api, read, send, type Schema } from './client'
import type { paths } from './schema.gen'

export type Contact = Schema['ContactView']
export type ContactWish = NonNullable<paths['/api/v1/contacts']['get']['parameters']['query']>

export interface Items<T> {
  items: T[]
  next?: string | null
}

export interface Tag {
  id: string
  name: string
  contacts: number
}

export interface Total {
  count: number
  exact: boolean
}

export interface PeopleList {
  id: string
  name: string
  kind: 'contacts' | 'cases'
  obo: boolean
  company_name?: string | null
  case_type?: string | null
  members: number
  created_at: string
  updated_at: string
}

export interface ListInput {
  name: string
  obo: boolean
  company_name?: string | null
  case_type?: string | null
}

export interface Quality {
  members: number
  without_contact: number
  without_phone: number
  same_phone: number
  invalid_phone: number
  without_time_zone: number
  opted_out: number
  in_active_campaign: number
  case_types: number
  warnings: string[]
  campaigns: { id: string; name: string }[]
}

/** Something that is done to many, and how far it is. */
export interface PeopleJob {
  id: string
  act: string
  done: boolean
  seen: number
  changed: number
  skipped: Record<string, number>
}

export interface Case {
  id: string
  external_id?: string | null
  case_type?: { id: string; name: string } | null
  case_status?: { id: string; name: string } | null
  contact?: { id: string; name: string; phone?: string | null } | null
  details: Record<string, string>
  created_at: string
  updated_at: string
}

export interface CaseInput {
  external_id?: string | null
  contact_id?: string | null
  case_type?: string | null
  case_status?: string | null
  details: Record<string, string>
}

export interface CaseLabel {
  id: string
  name: string
  cases: number
}

export interface Moment {
  at: string
  kind: string
  campaign_id?: string | null
  call_id?: string
  direction?: string
  reason?: string
  duration_ms?: number
  callback_at?: string
  source?: string
}

type Wish = Record<string, string | number | boolean | undefined>

/** `?a=1&b=2` of what is said. */
function query(wish: Wish): string {
  const entries = Object.entries(wish).filter(([, value]) => value !== undefined && value !== '')
  return entries.length === 0 ? '' : `?${new URLSearchParams(entries.map(([key, value]) => [key, String(value)]))}`
}

export const contactsQuery = (wish: ContactWish) =>
  queryOptions({ queryKey: ['contacts', 'list', wish], queryFn: () => send<Items<Contact>>('GET', `/api/v1/contacts${query(wish as Wish)}`) })

export const contactQuery = (id: string) => queryOptions({ queryKey: ['contacts', 'one', id], queryFn: () => send<Contact>('GET', `/api/v1/contacts/${id}`) })

export const contactsTotalQuery = (wish: ContactWish) =>
  queryOptions({ queryKey: ['contacts', 'total', wish], queryFn: () => send<Total>('GET', `/api/v1/contacts/total${query(wish as Wish)}`), retry: false })

export const timelineQuery = (id: string) =>
  queryOptions({ queryKey: ['contacts', 'timeline', id], queryFn: () => send<{ items: Moment[] }>('GET', `/api/v1/contacts/${id}/timeline`), retry: false })

export const consentsQuery = (phone: string) =>
  queryOptions({ queryKey: ['contacts', 'consents', phone], queryFn: () => read(api.GET('/api/v1/consents', { params: { query: { phone } } })) })

export const tagsQuery = queryOptions({ queryKey: ['contacts', 'tags'], queryFn: () => send<Items<Tag>>('GET', '/api/v1/tags?limit=1000'), retry: false, staleTime: 30_000 })

export const listsQuery = (wish: Wish) => queryOptions({ queryKey: ['lists', 'list', wish], queryFn: () => send<Items<PeopleList>>('GET', `/api/v1/lists${query(wish)}`), retry: false })

export const listQuery = (id: string) => queryOptions({ queryKey: ['lists', 'one', id], queryFn: () => send<PeopleList>('GET', `/api/v1/lists/${id}`), retry: false })

export const qualityQuery = (id: string) => queryOptions({ queryKey: ['lists', 'quality', id], queryFn: () => send<Quality>('GET', `/api/v1/lists/${id}/quality`), retry: false })

export const casesQuery = (wish: Wish) => queryOptions({ queryKey: ['cases', 'list', wish], queryFn: () => send<Items<Case>>('GET', `/api/v1/cases${query(wish)}`), retry: false })

export const caseQuery = (id: string) => queryOptions({ queryKey: ['cases', 'one', id], queryFn: () => send<Case>('GET', `/api/v1/cases/${id}`), retry: false })

export const casePlacesQuery = (id: string) => queryOptions({ queryKey: ['cases', 'places', id], queryFn: () => send<{ lists: string[]; campaigns: string[] }>('GET', `/api/v1/cases/${id}/places`), retry: false })

export const caseLabelsQuery = (kind: 'types' | 'statuses') =>
  queryOptions({ queryKey: ['cases', kind], queryFn: () => send<Items<CaseLabel>>('GET', `/api/v1/case-${kind}`), retry: false, staleTime: 30_000 })

/** What is done to many goes on behind the answer: read until it is over, every half second at first. */
export async function finished(job: PeopleJob): Promise<PeopleJob> {
  for (let wait = 500; !job.done; wait = Math.min(5_000, wait * 1.5)) {
    await new Promise((go) => setTimeout(go, wait))
    job = await send<PeopleJob>('GET', `/api/v1/people-jobs/${job.id}`)
  }
  return job
}
