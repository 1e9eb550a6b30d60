/** The link with which somebody sets their password: shown once. */
import { Alert, App, Button, Input, Modal } from 'antd'
import { useTranslation } from 'react-i18next'
import { Copy } from '@/ui/icons'
import { TimeText } from '@/ui/values'

export default function ShowInvitation({ invitation, close }: { invitation: { name: string; path: string; expires_at: string }; close: () => void }) {
  const { t } = useTranslation('settings')
  const { message } = App.useApp()
  const link = location.origin + invitation.path
  const copy = async () => {
    await navigator.clipboard.writeText(link)
    message.success(t('common:action.copied'))
  }
  return (
    <Modal open title={t('users.link_title', { name: invitation.name })} onCancel={close} footer={<Button type="primary" onClick={close}>{t('common:action.close')}</Button>} width={560} mask={{ closable: false }}>
      <Alert type="info" showIcon title={t('users.link_once')} />
      <div className="cw-invitation">
        <Input readOnly value={link} aria-label={t('users.link')} onFocus={(event) => event.target.select()} />
        <Button icon={<Copy size={15} />} onClick={() => void copy()}>{t('common:action.copy')}</Button>
      </div>
      <p className="cw-caption">{t('users.link_until')} <TimeText at={invitation.expires_at} /></p>
    </Modal>
  )
}
