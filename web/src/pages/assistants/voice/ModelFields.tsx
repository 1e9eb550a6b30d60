import { InputNumber } from 'antd'
import { useTranslation } from 'react-i18next'
import { useDraft } from '../parts/draft'
import { Field } from '../parts/Field'
import { NumberField } from '../parts/NumberField'

/** How the model answers. */
export default function ModelFields() {
  const { t } = useTranslation('assistants')
  const { definition, change } = useDraft()
  return (
    <div className="cw-fields">
      <Field label={t('voice.temperature')} extra={t('voice.temperature_hint')} pointer="/model/temperature">
        <InputNumber<number> min={0} max={2} step={0.1} value={definition.model?.temperature ?? null} onChange={(temperature) => change({ model: { ...definition.model, temperature } })} style={{ width: '100%' }} />
      </Field>
      <NumberField label={t('voice.max_tokens')} pointer="/model/max_tokens" value={definition.model?.max_tokens} min={16} max={4096} usual={400} onChange={(value) => change({ model: { ...definition.model, max_tokens: value ?? 400 } })} />
    </div>
  )
}
