/** A call on a page of its own. */
import { useParams } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { useCrumbs } from '@/app/crumbs'
import { useQuery } from '@tanstack/react-query'
import { callQuery } from '@/api/calls'
import { farSide, useContactName } from '../parts'
import { CallView } from './CallView'

export default function CallPage() {
  const { t } = useTranslation('calls')
  const { id } = useParams({ strict: false }) as { id: string }
  const { data } = useQuery(callQuery(id))
  const name = useContactName(data?.contact_id)
  useCrumbs({ label: t('common:nav.calls'), to: '/calls' }, { label: name ?? (data ? farSide(data) || t('withheld') : t('call')) })
  return <div className="cw-call-page"><CallView id={id} /></div>
}
