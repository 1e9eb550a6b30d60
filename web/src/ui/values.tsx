/** Single values as they stand in tables and text: times, durations, numbers, telephone numbers. */
import { Tooltip } from 'antd'
import { useEffect, useState, useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'
import * as format from './format'

/** How nothing looks, everywhere. */
export function Nothing() {
  return <span className="cw-nothing">—</span>
}

/** How numbers and dates are written: English here is British, as the texts are. */
export function useLocale(): string {
  const { i18n } = useTranslation()
  return i18n.language === 'en' ? 'en-GB' : i18n.language
}

export function NumberText({ value, digits }: { value: number | null | undefined; digits?: number }) {
  const locale = useLocale()
  if (value === null || value === undefined) return <Nothing />
  return <span className="cw-num">{format.number(value, locale, digits)}</span>
}

/**
 * A moment in the viewer's zone. `zone` is the contact's or campaign's: the tooltip shows the moment there too.
 * `form`: `moment` says today and tomorrow, `date` the day alone, `time` the clock alone.
 */
export function TimeText({ at, zone, form = 'moment' }: { at: string | null | undefined; zone?: string | undefined; form?: 'moment' | 'date' | 'time' }) {
  const locale = useLocale()
  if (!at) return <Nothing />
  const when = new Date(at)
  const text = form === 'moment' ? format.moment(when, new Date(), locale) : form === 'date' ? format.date(when, locale) : format.time(when, locale)
  const title = (
    <>
      <div>{format.exact(when, locale)}</div>
      {zone !== undefined && <div>{zone}: {format.exact(when, locale, zone)}</div>}
    </>
  )
  return (
    <Tooltip title={title}>
      <time className="cw-num" dateTime={at}>{text}</time>
    </Tooltip>
  )
}

/** `2:14`. Without `ms` but with `since` it counts on while it is shown. */
export function Duration({ ms, since }: { ms?: number | null | undefined; since?: string | null | undefined }) {
  const running = (ms === null || ms === undefined) && Boolean(since)
  const now = useNow(running)
  if (running) return <span className="cw-num">{format.duration(now - Date.parse(since!))}</span>
  if (ms === null || ms === undefined) return <Nothing />
  return <span className="cw-num">{format.duration(ms)}</span>
}

/** Milliseconds since 1970, anew each second while `on`. */
export function useNow(on = true): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    if (!on) return
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [on])
  return now
}

/** A number grouped as in its country; what is copied is E.164. */
export function PhoneText({ number }: { number: string | null | undefined }) {
  const group = useGrouping()
  if (!number) return <Nothing />
  const copy = (event: React.ClipboardEvent) => {
    event.preventDefault()
    event.clipboardData.setData('text/plain', number)
  }
  return <span className="cw-num cw-phone" onCopy={copy}>{group(number)}</span>
}

type Grouping = (number: string) => string

let grouping: Grouping = (number) => number
let loading = false
const waiting = new Set<() => void>()

/** The numbering plans are large: they come after the first view, and numbers stand ungrouped until then. */
export function useGrouping(): Grouping {
  return useSyncExternalStore(
    (watcher) => {
      waiting.add(watcher)
      if (!loading) load()
      return () => waiting.delete(watcher)
    },
    () => grouping,
  )
}

function load(): void {
  loading = true
  void import('libphonenumber-js/min').then(({ parsePhoneNumberFromString }) => {
    grouping = (number) => parsePhoneNumberFromString(number)?.formatInternational() ?? number
    for (const watcher of waiting) watcher()
  })
}
