import { expect, it } from 'vitest'
import type { Trunk } from '@/api/organisation'
import { inputOf, tidied } from './input'

const trunk = { id: 'x', name: 'A', host: 'sip.example', transport: 'udp', has_password: true, caller_ids: ['+4930'], enabled: true, inbound_auth: { username: 'in' } } as unknown as Trunk

it('sends back what can be set and no password', () => {
  const input = inputOf(trunk)
  expect(input).toMatchObject({ name: 'A', host: 'sip.example', port: null, inbound_auth: { username: 'in' } })
  expect(Object.keys(input)).not.toContain('password')
  expect(Object.keys(input)).not.toContain('has_password')
})

it('takes empty texts as no value and keeps a password that was typed', () => {
  expect(tidied({ name: 'A', caller_ids: [], host: ' ', username: '', password: '' })).toMatchObject({ host: null, username: null, password: undefined })
  expect(tidied({ name: 'A', caller_ids: [], password: 'secret' }).password).toBe('secret')
})
