import { describe, expect, it } from 'vitest'
import type { Contact } from '@/api/people'
import { bodyOf, fieldsOf, plain } from './fields'

const ada: Contact = {
  id: 'c1', name: 'Ada', phone: '+442079460000', created_at: '', updated_at: '',
  phones: [{ number: '+442079460000', label: 'office' }, { number: '+4930555', time_zone: 'Europe/Berlin' }],
  time_zone: 'Europe/London', time_zone_source: 'given', opted_out: false, variables: { offer: 'A' },
  emails: [{ address: 'ada@example.org', label: 'work' }, { address: 'b@example.org' }], tags: [{ id: 't', name: 'VIP' }],
}

describe('a contact in a form', () => {
  it('comes back as it was', () => {
    expect(bodyOf(fieldsOf(ada), ada, true)).toEqual({
      name: 'Ada', time_zone: 'Europe/London', variables: { offer: 'A' }, external_id: null, tags: ['VIP'],
      phones: [{ number: '+442079460000', label: 'office', time_zone: null }, { number: '+4930555', label: null, time_zone: 'Europe/Berlin' }],
      emails: [{ address: 'ada@example.org', label: 'work' }, { address: 'b@example.org' }],
    })
  })

  it('says nothing of what a server does not know', () => {
    expect(Object.keys(bodyOf(fieldsOf(ada), ada, false)).sort()).toEqual(['name', 'phones', 'time_zone', 'variables'])
  })

  it('leaves empty numbers out', () => {
    expect(bodyOf({ ...fieldsOf(undefined), name: ' Bo ' }, undefined, false)).toEqual({ name: 'Bo', phones: [], time_zone: null, variables: {} })
  })
})

it('takes the grouping out of a number', () => {
  expect(plain('+49 (30) 5550-0121/2.')).toBe('+493055500121' + '2')
})
