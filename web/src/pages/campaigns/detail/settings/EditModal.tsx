/** A card of the configuration as a form. */
import { Alert, Form, Modal, type FormInstance } from 'antd'
import { useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Campaign } from '@/api/campaigns'
import type { Schema } from '@/api/client'
import { asProblem } from '@/api/problem'
import { FormErrors, useFormErrors } from '@/ui/FormErrors'
import { useConfirm } from '@/ui/useConfirm'
import { Conflict, useSaveCampaign } from './save'

interface Props<Fields extends object> {
  campaign: Campaign
  title: string
  note?: ReactNode
  initial: Fields
  change: (fields: Fields) => Partial<Schema['CampaignInput']>
  children: (form: FormInstance<Fields>) => ReactNode
  close: () => void
}

export function EditModal<Fields extends object>({ campaign, title, note, initial, change, children, close }: Props<Fields>) {
  const { t } = useTranslation('campaigns')
  const [form] = Form.useForm<Fields>()
  const errors = useFormErrors(form)
  const confirm = useConfirm()
  const saveCampaign = useSaveCampaign()
  const [busy, setBusy] = useState(false)
  const [conflict, setConflict] = useState(false)

  const save = async (fields: Fields) => {
    setBusy(true)
    setConflict(false)
    try {
      await saveCampaign(campaign, change(fields))
      close()
    } catch (error) {
      if (error instanceof Conflict || asProblem(error).status === 412) setConflict(true)
      else errors.take(error)
    } finally {
      setBusy(false)
    }
  }
  const leave = async () => {
    if (!form.isFieldsTouched() || (await confirm({ title: t('common:form.leave'), text: t('common:form.leave_text'), ok: t('common:form.leave_ok'), danger: true }))) close()
  }

  return (
    <Modal open title={title} okText={t('common:action.save')} onOk={form.submit} confirmLoading={busy} onCancel={() => void leave()} mask={{ closable: false }} width={560}>
      {conflict && <Alert type="warning" showIcon className="cw-problem" title={t('settings.conflict')} description={t('settings.conflict_text')} />}
      {note && <p className="cw-soft cw-below">{note}</p>}
      <FormErrors errors={errors} />
      <Form<Fields> form={form} layout="vertical" requiredMark={false} initialValues={initial} onFinish={(fields) => void save(fields)}>
        {children(form)}
      </Form>
    </Modal>
  )
}
