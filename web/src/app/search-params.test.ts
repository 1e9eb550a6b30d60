import { expect, it } from 'vitest'
import { listOf, parseSearch, stringifySearch } from './search-params'

it('keeps every value as text, also those that look like numbers', () => {
  expect(parseSearch('?q=123&answered=true&state=draft,paused')).toEqual({ q: '123', answered: 'true', state: 'draft,paused' })
})

it('writes addresses that can be read, without what is not set', () => {
  expect(stringifySearch({ state: 'draft,paused', q: undefined, page: '', why: '1' })).toBe('?state=draft,paused&why=1')
  expect(stringifySearch({})).toBe('')
})

it('reads back what it wrote', () => {
  const search = { q: 'a & b = c?', next: '/campaigns?state=draft' }
  expect(parseSearch(stringifySearch(search))).toEqual(search)
})

it('takes lists apart', () => {
  expect(listOf('a,b')).toEqual(['a', 'b'])
  expect(listOf(undefined)).toEqual([])
})
