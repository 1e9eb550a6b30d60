import { Link } from '@tanstack/react-router'
import { Alert } from 'antd'
import { useTranslation } from 'react-i18next'
import { useReason } from '@/ui/status/states'
import type { Ended } from '../listen/useListen'

/** The call is over: why, and where its record is. */
export function Over({ id, ended }: { id: string; ended: Ended | undefined }) {
  const { t } = useTranslation('live')
  const reason = useReason()
  return <Alert type="info" showIcon role="status" title={ended ? t('over.reason', { reason: reason(ended.reason) }) : t('over.title')} description={<Link to={`/calls/${id}`} className="cw-link">{t('over.open')}</Link>} />
}
