/** Time zones of the world by their IANA names. */
import { Select, type SelectProps } from 'antd'

const ZONES = Intl.supportedValuesOf('timeZone')

/** Of this browser. */
export const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone

interface Props extends Omit<SelectProps<string>, 'options' | 'showSearch' | 'value'> {
  value?: string | undefined
}

export function ZoneSelect(props: Props) {
  const { value } = props
  const names = value === undefined || ZONES.includes(value) ? ZONES : [value, ...ZONES]
  return <Select<string> showSearch popupMatchSelectWidth={false} {...(props as SelectProps<string>)} options={names.map((name) => ({ value: name, label: name.replaceAll('_', ' ') }))} />
}
