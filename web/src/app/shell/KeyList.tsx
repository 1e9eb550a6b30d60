import { Modal, Switch } from 'antd'
import { useTranslation } from 'react-i18next'
import { useSingleKeys } from '../keys'
import { closeOverlay } from './overlays'
import { useNav } from './Rail'

export default function KeyList() {
  const { t } = useTranslation()
  const [on, setOn] = useSingleKeys()
  const nav = useNav()
  const rows: [string, string][] = [
    ['Ctrl K', t('keys.palette')],
    ['/', t('keys.search')],
    ...nav.filter((item) => item.key !== undefined).map((item): [string, string] => [`g ${item.key}`, t('keys.goto', { place: t(`nav.${item.label}`) })]),
    ['n', t('keys.new')],
    ['j  k', t('keys.rows')],
    ['Enter', t('keys.open')],
    ['x', t('keys.select')],
    ['Esc', t('keys.close')],
    ['?', t('keys.help')],
  ]
  return (
    <Modal open title={t('keys.title')} footer={null} onCancel={closeOverlay} width={440}>
      <dl className="cw-keys">
        {rows.map(([keys, what]) => (
          <div key={keys}>
            <dt>{keys.split(/\s+/).map((key) => <kbd key={key}>{key}</kbd>)}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label className="cw-switch-line">
        <Switch checked={on} onChange={setOn} size="small" />
        {t('keys.single')}
      </label>
    </Modal>
  )
}
