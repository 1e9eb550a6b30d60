import { useTranslation } from 'react-i18next'
import { useLiveState } from '@/api/live'
import { WifiOff } from '@/ui/icons'

/** Says that what is shown may be old. While it is there, pages ask every 10 s. */
export function LiveBar() {
  const { t } = useTranslation()
  const lost = useLiveState() === 'lost'
  return (
    <div role="status" className={lost ? 'cw-live-bar' : undefined}>
      {lost && <><WifiOff size={14} strokeWidth={1.75} aria-hidden /> {t('shell.live_lost')}</>}
    </div>
  )
}
