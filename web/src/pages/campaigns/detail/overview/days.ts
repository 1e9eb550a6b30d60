/** The hours of a forecast as days of the viewer. */
import type { Forecast } from '@/api/campaigns'

export interface ForecastDay {
  /** Midnight in the viewer's zone. */
  day: Date
  dials: number
  answered: number
}

export function daysOf(hours: Forecast['hours']): ForecastDay[] {
  const days = new Map<number, ForecastDay>()
  for (const hour of hours) {
    const at = new Date(hour.from)
    const day = new Date(at.getFullYear(), at.getMonth(), at.getDate())
    const known = days.get(day.getTime()) ?? { day, dials: 0, answered: 0 }
    known.dials += hour.dials
    known.answered += hour.answered
    days.set(day.getTime(), known)
  }
  return [...days.values()].sort((a, b) => a.day.getTime() - b.day.getTime())
}

/** So many bars at most: beyond them a bar stands for several days. */
export function grouped(days: ForecastDay[], most: number): ForecastDay[] {
  const size = Math.ceil(days.length / most)
  if (size <= 1) return days
  const groups: ForecastDay[] = []
  for (let at = 0; at < days.length; at += size) {
    const part = days.slice(at, at + size)
    groups.push({ day: part[0]!.day, dials: sum(part, 'dials'), answered: sum(part, 'answered') })
  }
  return groups
}

function sum(days: ForecastDay[], what: 'dials' | 'answered'): number {
  return days.reduce((total, day) => total + day[what], 0)
}
