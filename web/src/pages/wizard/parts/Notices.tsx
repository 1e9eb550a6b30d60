/** What a person has to know of the draft before going on: not saved, changed by somebody else, begun earlier. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Alert, Button } from 'antd'
import { useTranslation } from 'react-i18next'
import { assistantsQuery, trunksQuery } from '@/api/organisation'
import { useSearch } from '@/app/search-params'
import { exists } from '../../exists'
import { stepOfPointer } from '../draft'
import type { Wizard } from '../useDraft'

export default function Notices({ wizard }: { wizard: Wizard }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  const [, patch] = useSearch()
  const assistants = useQuery(assistantsQuery)
  const trunks = useQuery(trunksQuery)
  const { problem, campaign } = wizard
  const lacks = [
    ...(assistants.data?.items.length === 0 ? (['assistant'] as const) : []),
    ...(trunks.data && !trunks.data.items.some((one) => one.enabled && one.caller_ids.length > 0) ? (['trunk'] as const) : []),
  ]
  const PLACES = { assistant: '/assistants', trunk: '/trunks' } as const
  return (
    <>
      {wizard.found && campaign === undefined && <Alert type="info" showIcon className="cw-problem" title={t('found')} action={<Button size="small" onClick={wizard.startOver}>{t('start_over')}</Button>} />}
      {lacks.map((what) => (
        <Alert key={what} type="warning" showIcon className="cw-problem" title={t(`lacks.${what}`)} description={t('lacks.text')} action={exists(PLACES[what]) && <Link to={PLACES[what]}>{t(`lacks.make_${what}`)}</Link>} />
      ))}
      {wizard.theirs && (
        <Alert
          type="warning"
          showIcon
          className="cw-problem"
          title={t('conflict.title')}
          description={t('conflict.text')}
          action={
            <span className="cw-line">
              <Button size="small" onClick={wizard.takeTheirs}>{t('conflict.theirs')}</Button>
              <Button size="small" type="primary" onClick={() => void wizard.keepMine()}>{t('conflict.mine')}</Button>
            </span>
          }
        />
      )}
      {problem && (
        <Alert
          type="error"
          showIcon
          className="cw-problem"
          title={t('not_saved')}
          description={
            problem.errors.length === 0 ? problem.message : (
              <ul>
                {problem.errors.map((fault) => (
                  <li key={fault.pointer + fault.code}><button type="button" className="cw-link" onClick={() => patch({ step: stepOfPointer(fault.pointer), form: undefined })}>{fault.reason}</button></li>
                ))}
              </ul>
            )
          }
          action={<Button size="small" onClick={() => void wizard.save()}>{t('common:action.retry')}</Button>}
        />
      )}
    </>
  )
}
