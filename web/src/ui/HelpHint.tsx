/** The small "i" beside a metric or an unusual setting. */
import { Tooltip } from 'antd'
import { useTranslation } from 'react-i18next'
import { Info } from './icons'

export function HelpHint({ children }: { children: string }) {
  const { t } = useTranslation()
  return (
    <Tooltip title={children} trigger={['hover', 'focus', 'click']}>
      <button type="button" className="cw-hint" aria-label={`${t('help.hint')}: ${children}`}>
        <Info size={14} strokeWidth={1.75} aria-hidden />
      </button>
    </Tooltip>
  )
}
