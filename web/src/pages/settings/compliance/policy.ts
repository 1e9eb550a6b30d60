/** The calling policy as the form has it, and back. What the form does not show stays as it was. */
import type { Schema } from '@/api/client'
import type { CallingPolicy } from '@/api/policy'

export interface Fields {
  law: Schema['Profile'][]
  contact_hours: Schema['Slot']
  quiet_hours: { days: Schema['Day'][]; start_min: number; end_min: number }[]
  /** None: the country of the number that a campaign calls from. */
  countries: string[]
  capped: boolean
  cap: Schema['FrequencyCap']
  rested: boolean
  numbers: Schema['CallerNumberRules']
}

export function fieldsOf(policy: CallingPolicy): Fields {
  return {
    law: policy.law ?? [],
    contact_hours: policy.contact_hours ?? { start_min: 480, end_min: 1260 },
    quiet_hours: (policy.quiet_hours ?? []).map((quiet) => ({ ...quiet, days: quiet.days ?? [] })),
    countries: policy.allowed_countries ?? [],
    capped: Boolean(policy.frequency_cap),
    cap: policy.frequency_cap ?? { dials: 3, per_hours: 24 },
    rested: Boolean(policy.caller_numbers),
    numbers: policy.caller_numbers ?? { daily_dials: 100, time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone },
  }
}

export function policyOf(fields: Fields, before: CallingPolicy): CallingPolicy {
  return {
    ...before,
    law: fields.law,
    contact_hours: fields.contact_hours,
    // No day named is every day: the list is then left out.
    quiet_hours: fields.quiet_hours.map(({ days, ...times }) => (days.length > 0 ? { ...times, days } : times)),
    allowed_countries: fields.countries.length > 0 ? fields.countries : null,
    frequency_cap: fields.capped ? (fields.cap ?? before.frequency_cap ?? null) : null,
    caller_numbers: fields.rested ? (fields.numbers ?? before.caller_numbers ?? null) : null,
  }
}
