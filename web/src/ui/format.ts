/** Numbers, times and durations as a person of the chosen language reads them. */

const cache = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>()

function made<T extends Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>(key: string, make: () => T): T {
  const known = cache.get(key) as T | undefined
  if (known !== undefined) return known
  const fresh = make()
  cache.set(key, fresh)
  return fresh
}

export function number(value: number, language: string, digits = 0): string {
  return made(`n${language}${digits}`, () => new Intl.NumberFormat(language, { maximumFractionDigits: digits, signDisplay: 'negative' })).format(value)
}

/** `value` is a share of one. */
export function percent(value: number, language: string): string {
  return made(`p${language}`, () => new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 })).format(value)
}

/** `2:14`, `1:02:05`. Nothing is rounded up: a call of 59.9 s lasted 0:59. */
export function duration(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000))
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60]
  const two = (value: number) => String(value).padStart(2, '0')
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`
}

/** Minutes of a day as a time: 540 is `09:00`. */
export function clock(minutes: number): string {
  return `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
}

export function date(at: Date, language: string, zone?: string): string {
  return made(`d${language}${zone}`, () => new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', year: 'numeric', timeZone: zone })).format(at)
}

export function time(at: Date, language: string, zone?: string): string {
  return made(`t${language}${zone}`, () => new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone: zone })).format(at)
}

/** Day and time, seconds included, with the zone: for tooltips. */
export function exact(at: Date, language: string, zone?: string): string {
  return made(`x${language}${zone}`, () => new Intl.DateTimeFormat(language, { dateStyle: 'full', timeStyle: 'long', hourCycle: 'h23', timeZone: zone })).format(at)
}

/** `today, 10:41`, `tomorrow, 09:00`, `Wed 25 Nov, 10:41`, and with the year if it is another one. */
export function moment(at: Date, now: Date, language: string): string {
  const days = Math.round((midnight(at) - midnight(now)) / 86_400_000)
  if (Math.abs(days) <= 1) return `${made(`r${language}`, () => new Intl.RelativeTimeFormat(language, { numeric: 'auto' })).format(days, 'day')}, ${time(at, language)}`
  if (at.getFullYear() !== now.getFullYear()) return date(at, language)
  return `${made(`m${language}`, () => new Intl.DateTimeFormat(language, { weekday: 'short', day: 'numeric', month: 'short' })).format(at)}, ${time(at, language)}`
}

function midnight(at: Date): number {
  return Date.UTC(at.getFullYear(), at.getMonth(), at.getDate())
}
