import { Button } from 'antd'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Empty } from '../Empty'

interface Props {
  filtered?: boolean
  onReset?: () => void
  empty: { text: ReactNode; action?: ReactNode }
}

/** Nothing at all, or nothing that fits. */
export function NoRows({ filtered, onReset, empty }: Props) {
  const { t } = useTranslation()
  if (!filtered) return <Empty text={empty.text} action={empty.action} />
  return <Empty text={t('table.no_match')} action={onReset && <Button onClick={onReset}>{t('table.reset')}</Button>} />
}
