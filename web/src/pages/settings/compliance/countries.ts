import { useMemo } from 'react'
import { useLocale } from '@/ui/values'

/** Codes with a name that stand for no country with numbers of its own. */
const NO_COUNTRIES = ['AC', 'AN', 'BU', 'CP', 'CQ', 'CS', 'DD', 'DG', 'DY', 'EA', 'EU', 'EZ', 'FX', 'HV', 'IC', 'NH', 'NT', 'QO', 'RH', 'SU', 'TA', 'TP', 'UK', 'UN', 'VD', 'XA', 'XB', 'YD', 'YU', 'ZR', 'ZZ']

/** Countries by their names in the person's language. */
export function useCountries(): { value: string; label: string }[] {
  const locale = useLocale()
  return useMemo(() => {
    const names = new Intl.DisplayNames([locale], { type: 'region', fallback: 'none' })
    const letters = Array.from({ length: 26 }, (_, index) => String.fromCharCode(65 + index))
    return letters
      .flatMap((first) => letters.map((second) => first + second))
      .filter((code) => !NO_COUNTRIES.includes(code) && names.of(code) !== undefined)
      .map((value) => ({ value, label: `${names.of(value)} (${value})` }))
      .sort((a, b) => a.label.localeCompare(b.label, locale))
  }, [locale])
}
