import { useTranslation } from 'react-i18next'
import { useSearch } from '@/app/search-params'
import { CircleCheck, CircleX } from '@/ui/icons'
import type { Guard } from './guards'

/** Everything that keeps it from starting, each with the way to its field. */
export function GuardList({ guards }: { guards: Guard[] }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const [, patch] = useSearch()
  if (guards.length === 0) return <p className="cw-guard" data-ok><CircleCheck size={16} aria-hidden /> {t('review.ready')}</p>
  return (
    <ul className="cw-guard-list">
      {guards.map(({ code, text, step }) => (
        <li key={code} className="cw-guard">
          <CircleX size={16} aria-hidden />
          <span>{text}</span>
          {step && <button type="button" className="cw-link" onClick={() => patch({ step, form: undefined })}>{t('review.fix', { step: t(`step.${step}`) })}</button>}
        </li>
      ))}
    </ul>
  )
}
