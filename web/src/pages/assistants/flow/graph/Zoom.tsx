import { Panel, useReactFlow } from '@xyflow/react'
import { useTranslation } from 'react-i18next'
import { IconButton } from '@/ui/IconButton'
import { Maximize, Minus, Plus } from '@/ui/icons'

export function Zoom() {
  const { t } = useTranslation('assistants')
  const { zoomIn, zoomOut, fitView } = useReactFlow()
  return (
    <Panel position="bottom-left" className="cw-zoom">
      <IconButton icon={Plus} label={t('flow.zoom_in')} onClick={() => void zoomIn()} />
      <IconButton icon={Minus} label={t('flow.zoom_out')} onClick={() => void zoomOut()} />
      <IconButton icon={Maximize} label={t('flow.fit')} onClick={() => void fitView({ padding: '24px', maxZoom: 1 })} />
    </Panel>
  )
}
