import { expect, it } from 'vitest'
import type { CallingPolicy } from '@/api/policy'
import { fieldsOf, policyOf } from './policy'

const policy: CallingPolicy = {
  law: ['eu'],
  contact_hours: { start_min: 540, end_min: 1200 },
  quiet_hours: [{ start_min: 720, end_min: 780 }, { days: ['sat'], start_min: 0, end_min: 1440 }],
  allowed_countries: ['DE', 'AT'],
  spend: { daily_cap: 5_000_000, rates: [] },
  caller_numbers: { daily_dials: 50, time_zone: 'Europe/Berlin' },
  frequency_cap: { dials: 3, per_hours: 24 },
}

it('comes back as it was, with what the form does not show', () => {
  expect(policyOf(fieldsOf(policy), policy)).toEqual(policy)
})

it('switches rules off', () => {
  expect(policyOf({ ...fieldsOf(policy), capped: false, rested: false, countries: [] }, policy)).toMatchObject({ frequency_cap: null, caller_numbers: null, allowed_countries: null })
})

it('has defaults where nothing is set', () => {
  expect(policyOf(fieldsOf({}), {})).toEqual({ law: [], contact_hours: { start_min: 480, end_min: 1260 }, quiet_hours: [], allowed_countries: null, frequency_cap: null, caller_numbers: null })
})
