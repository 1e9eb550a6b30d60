import { InputNumber } from 'antd'
import { useTranslation } from 'react-i18next'
import { Field } from './Field'

interface NumberProps {
  label: string
  hint?: string
  pointer?: string
  value: number | null | undefined
  onChange: (value: number | null) => void
  min: number
  max: number
  /** What holds when it is left out; shown where nothing is set. */
  usual?: number | undefined
  step?: number
}

/** A whole number that may be left out. Says its ends and what is usual. */
export function NumberField({ label, hint, pointer, value, onChange, min, max, usual, step = 1 }: NumberProps) {
  const { t } = useTranslation('assistants')
  const ends = usual === undefined ? t('field.between', { min, max }) : t('field.between_usual', { min, max, usual })
  return (
    <Field label={label} extra={ends} {...(hint ? { hint } : {})} {...(pointer ? { pointer } : {})}>
      <InputNumber<number> value={value ?? null} onChange={onChange} min={min} max={max} step={step} placeholder={usual === undefined ? '' : String(usual)} style={{ width: '100%' }} />
    </Field>
  )
}
