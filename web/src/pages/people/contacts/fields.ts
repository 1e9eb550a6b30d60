/** A contact as the form has it, and back. */
import type { Contact } from '@/api/people'

export interface Fields {
  name: string
  phones: { number: string; label?: string }[]
  time_zone?: string
  variables: { name: string; value?: string }[]
  external_id?: string
  email?: string
  tags?: string[]
}

export function fieldsOf(contact: Contact | undefined): Fields {
  if (contact === undefined) return { name: '', phones: [{ number: '' }], variables: [] }
  return {
    name: contact.name,
    phones: contact.phones.map((phone) => ({ number: phone.number, label: phone.label ?? '' })),
    ...(contact.time_zone ? { time_zone: contact.time_zone } : {}),
    variables: Object.entries(contact.variables).map(([name, value]) => ({ name, value })),
    external_id: contact.external_id ?? '',
    email: contact.emails?.[0]?.address ?? '',
    tags: contact.tags?.map((tag) => tag.name) ?? [],
  }
}

/** What is sent: numbers without the signs that people group them with. `rich`: the server knows tags and addresses. */
export function bodyOf(fields: Fields, contact: Contact | undefined, rich: boolean): Record<string, unknown> {
  const phones = fields.phones
    .map((phone) => ({ number: plain(phone.number), label: phone.label?.trim() || null }))
    .filter((phone) => phone.number !== '')
    // A zone of its own is not edited here, and is not lost here.
    .map((phone) => ({ ...phone, time_zone: contact?.phones.find((one) => one.number === phone.number)?.time_zone ?? null }))
  const body = {
    name: fields.name?.trim() ?? '',
    phones,
    time_zone: fields.time_zone ?? null,
    variables: Object.fromEntries(fields.variables.map(({ name, value }) => [name.trim(), value ?? ''])),
  }
  if (!rich) return body
  const email = fields.email?.trim()
  const others = contact?.emails?.slice(1) ?? []
  const first = email ? [{ address: email, label: contact?.emails?.[0]?.label ?? null }] : []
  return { ...body, external_id: fields.external_id?.trim() || null, emails: [...first, ...others], tags: fields.tags ?? [] }
}

export function plain(number: string): string {
  return number.replace(/[\s()/.-]/g, '')
}
