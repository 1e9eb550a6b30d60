/** How clean a list is: what should be looked at before it is called. */
import { useTranslation } from 'react-i18next'
import type { Quality } from '@/api/people'
import { number } from '@/ui/format'
import { CircleCheck, TriangleAlert } from '@/ui/icons'
import { useLocale } from '@/ui/values'

const FACTS = ['without_contact', 'without_phone', 'same_phone', 'invalid_phone', 'without_time_zone', 'opted_out', 'in_active_campaign'] as const

export function QualityFacts({ quality }: { quality: Quality }) {
  const { t } = useTranslation('people')
  const locale = useLocale()
  const found = FACTS.filter((fact) => quality[fact] > 0)
  const mixed = quality.case_types > 1
  if (found.length === 0 && !mixed) return <p className="cw-guard" data-ok><CircleCheck size={16} aria-hidden /> {t('quality.clean')}</p>
  return (
    <ul className="cw-guard-list">
      {found.map((fact) => (
        <li key={fact} className="cw-warn">
          <TriangleAlert size={15} aria-hidden />
          <span><strong className="cw-num">{number(quality[fact], locale)}</strong> {t(`quality.${fact}`)}</span>
        </li>
      ))}
      {mixed && <li className="cw-warn"><TriangleAlert size={15} aria-hidden /> {t('quality.case_types', { count: quality.case_types })}</li>}
    </ul>
  )
}
