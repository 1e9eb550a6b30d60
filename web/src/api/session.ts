/** Who is signed in, and what they may do. */
import { queryOptions, useQuery, type QueryClient } from '@tanstack/react-query'
import { send, setCsrf } from './client'
import { asProblem } from './problem'

export type Role = 'admin' | 'manager' | 'supervisor' | 'viewer'
export type Scope =
  | 'admin' | 'contacts:read' | 'contacts:write' | 'campaigns:read' | 'campaigns:write' | 'campaigns:control'
  | 'calls:read' | 'calls:control' | 'calls:listen' | 'calls:talk' | 'assistants:read' | 'assistants:write'
  | 'settings:read' | 'settings:write'

export interface Session {
  user: { id: string; email: string; name: string; role: Role; language: string }
  organisation: { id: string; name: string }
  scopes: Scope[]
  csrf: string
}

export interface SetupInput {
  code: string
  organisation: { name: string; company_name: string; time_zone: string; language: string }
  admin: { name: string; email: string; password: string }
}

export interface Invitation {
  organisation: string
  email: string
  name: string
}

/** `null`: nobody is signed in. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async (): Promise<Session | null> => {
    try {
      return kept(await send<Session>('GET', '/api/v1/session'))
    } catch (error) {
      if (asProblem(error).status === 401) return null
      throw error
    }
  },
  staleTime: Infinity,
  gcTime: Infinity,
  retry: (count, error) => asProblem(error).passing && count < 3,
})

export const setupQuery = queryOptions({
  queryKey: ['setup'],
  queryFn: () => send<{ needed: boolean }>('GET', '/api/v1/setup'),
})

export const invitationQuery = (token: string) =>
  queryOptions({
    queryKey: ['invitation', token],
    queryFn: () => send<Invitation>('GET', `/api/v1/invitations/${encodeURIComponent(token)}`),
    retry: false,
  })

export async function signIn(client: QueryClient, input: { email: string; password: string; remember: boolean }): Promise<Session> {
  return enter(client, await send<Session>('POST', '/api/v1/session', input))
}

export async function setUp(client: QueryClient, input: SetupInput): Promise<Session> {
  return enter(client, await send<Session>('POST', '/api/v1/setup', input))
}

export async function acceptInvitation(client: QueryClient, token: string, input: { name: string; password: string }): Promise<Session> {
  return enter(client, await send<Session>('POST', `/api/v1/invitations/${encodeURIComponent(token)}`, input))
}

/** The language a person reads; kept with the user so that mails come in it too. */
export async function saveUser(client: QueryClient, input: { name: string; language: string; password?: { old: string; new: string } }): Promise<void> {
  const user = await send<Session['user']>('PUT', '/api/v1/session/user', input)
  client.setQueryData(sessionQuery.queryKey, (session) => session && { ...session, user })
}

export async function signOut(client: QueryClient): Promise<void> {
  await send('DELETE', '/api/v1/session')
  leave(client)
}

/** Forgets everything that belonged to the session. */
export function leave(client: QueryClient): void {
  setCsrf(undefined)
  forget(client)
  client.setQueryData(sessionQuery.queryKey, null)
}

export function useSession(): Session | null {
  return useQuery(sessionQuery).data ?? null
}

/** `can('campaigns:write')`: whether the session's scopes allow it. */
export function useCan(): (scope: Scope) => boolean {
  const session = useSession()
  return (scope) => session !== null && allows(session.scopes, scope)
}

export function allows(scopes: readonly Scope[], scope: Scope): boolean {
  return scopes.includes('admin') || scopes.includes(scope)
}

function enter(client: QueryClient, session: Session): Session {
  forget(client)
  client.setQueryData(sessionQuery.queryKey, kept(session))
  return session
}

/** The session itself stays: pages that are open look at it. */
function forget(client: QueryClient): void {
  client.removeQueries({ predicate: (query) => query.queryKey[0] !== sessionQuery.queryKey[0] })
}

function kept(session: Session): Session {
  setCsrf(session.csrf)
  return session
}
