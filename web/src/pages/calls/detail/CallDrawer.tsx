/** A call over the list that it was opened from; the arrows walk that list. */
import { Drawer } from 'antd'
import { useTranslation } from 'react-i18next'
import { IconButton } from '@/ui/IconButton'
import { ChevronLeft, ChevronRight, X } from '@/ui/icons'
import { CallView } from './CallView'

interface Props {
  id: string
  /** Calls of the list, in its order. */
  ids: readonly string[]
  go: (id: string) => void
  close: () => void
}

export default function CallDrawer({ id, ids, go, close }: Props) {
  const { t } = useTranslation('calls')
  const at = ids.indexOf(id)
  const before = at > 0 ? ids[at - 1] : undefined
  const after = at >= 0 ? ids[at + 1] : undefined
  const walk = (
    <>
      <IconButton icon={ChevronLeft} label={t('head.before')} why={before === undefined ? t('head.is_first') : undefined} onClick={() => before && go(before)} />
      <IconButton icon={ChevronRight} label={t('head.after')} why={after === undefined ? t('head.is_last') : undefined} onClick={() => after && go(after)} />
      <IconButton icon={X} label={t('common:action.close')} onClick={close} />
    </>
  )
  return (
    <Drawer open onClose={close} size="min(1080px, 94vw)" closable={false} aria-label={t('call')} styles={{ body: { padding: 0, overflow: 'hidden' } }} destroyOnHidden>
      <CallView key={id} id={id} actions={walk} />
    </Drawer>
  )
}
