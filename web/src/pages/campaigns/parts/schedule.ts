/** Days and times of runs in words. */
import { useTranslation } from 'react-i18next'
import type { Schema } from '@/api/client'
import { clock, date } from '@/ui/format'
import { useLocale } from '@/ui/values'

export function useScheduleWords() {
  const { t } = useTranslation('campaigns')
  const locale = useLocale()
  return {
    days(days: Schema['Days'] | undefined): string {
      if (days === undefined) return t('runs.every_day')
      if ('dates' in days) return days.dates.map((day) => date(new Date(`${day}T00:00`), locale)).join(', ')
      return days.weekdays.length === 7 ? t('runs.every_day') : days.weekdays.map((day) => t(`common:day.${day}`)).join(', ')
    },
    slots(slots: Schema['Slot'][] | undefined, hours?: Schema['Slot']): string {
      const list = slots && slots.length > 0 ? slots : hours ? [hours] : []
      return list.length === 0 ? t('runs.all_hours') : list.map((slot) => `${clock(slot.start_min)}–${clock(slot.end_min)}`).join(', ')
    },
  }
}
