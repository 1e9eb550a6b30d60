import { useQuery } from '@tanstack/react-query'
import { Form, Input, Select } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Campaign } from '@/api/campaigns'
import { assistantsQuery, trunksQuery } from '@/api/organisation'
import { EditModal } from './EditModal'

/** Name, goal and who calls from where. */
export default function EditDetails({ campaign, close }: { campaign: Campaign; close: () => void }) {
  const { t } = useTranslation('campaigns')
  const assistants = useQuery(assistantsQuery)
  const trunks = useQuery(trunksQuery)
  const required = { required: true, whitespace: true, message: t('common:form.required') }
  const initial = { name: campaign.name, goal: campaign.goal ?? '', assistant_id: campaign.assistant_id, trunk_id: campaign.trunk_id, caller_id: campaign.caller_id }
  return (
    <EditModal campaign={campaign} title={t('settings.details')} note={campaign.state === 'draft' ? undefined : t('settings.new_calls')} initial={initial} change={(fields) => ({ ...fields, goal: fields.goal || null })} close={close}>
      {(form) => (
        <>
          <Form.Item name="name" label={t('field.name')} rules={[required]}><Input maxLength={200} /></Form.Item>
          <Form.Item name="goal" label={t('field.goal')}><Input.TextArea autoSize={{ minRows: 2, maxRows: 8 }} /></Form.Item>
          <Form.Item name="assistant_id" label={t('field.assistant')} rules={[required]}>
            <Select showSearch={{ optionFilterProp: 'label' }} options={assistants.data?.items.map((one) => ({ value: one.id, label: one.definition.name })) ?? [{ value: campaign.assistant_id, label: '…' }]} />
          </Form.Item>
          <div className="cw-fields">
            <Form.Item name="trunk_id" label={t('field.trunk')} rules={[required]}>
              <Select
                options={trunks.data?.items.map((one) => ({ value: one.id, label: one.name })) ?? [{ value: campaign.trunk_id, label: '…' }]}
                onChange={(id) => form.setFieldValue('caller_id', trunks.data?.items.find((one) => one.id === id)?.caller_ids[0])}
              />
            </Form.Item>
            <Form.Item noStyle dependencies={['trunk_id']}>
              {() => (
                <Form.Item name="caller_id" label={t('field.caller_id')} rules={[required]}>
                  <Select options={(trunks.data?.items.find((one) => one.id === form.getFieldValue('trunk_id'))?.caller_ids ?? [campaign.caller_id]).map((value) => ({ value, label: value }))} />
                </Form.Item>
              )}
            </Form.Item>
          </div>
        </>
      )}
    </EditModal>
  )
}
