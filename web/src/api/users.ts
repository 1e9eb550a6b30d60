/** The people of the organisation. */
import { queryOptions } from '@tanstack/react-query'
import { send } from './client'
import type { Role } from './session'

export interface User {
  id: string
  email: string
  name: string
  role: Role
  language: string
  active: boolean
  has_password: boolean
  created_at: string
}

export interface UserInvitation {
  path: string
  expires_at: string
}

export const ROLES: readonly Role[] = ['admin', 'manager', 'supervisor', 'viewer']

export const usersQuery = queryOptions({ queryKey: ['users'], queryFn: () => send<{ items: User[] }>('GET', '/api/v1/users?limit=1000'), retry: false })

export const addUser = (input: { email: string; name: string; role: Role }) => send<User & { invitation: UserInvitation }>('POST', '/api/v1/users', input)

export const changeUser = (id: string, input: { name: string; role: Role; active: boolean }) => send<User>('PUT', `/api/v1/users/${id}`, input)

export const inviteAgain = (id: string) => send<UserInvitation>('POST', `/api/v1/users/${id}/invitation`)

export const removeUser = (id: string) => send<void>('DELETE', `/api/v1/users/${id}`)
