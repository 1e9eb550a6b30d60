/** Time zones of the world by their IANA names. */
import { Select, type SelectProps } from 'antd'

const ZONES = Intl.supportedValuesOf('timeZone')

/** Of this browser. */
export const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone

type Props = Omit<SelectProps<string | undefined>, 'options' | 'showSearch'>

export function ZoneSelect(props: Props) {
  const names = props.value === undefined || ZONES.includes(props.value) ? ZONES : [props.value, ...ZONES]
  return <Select<string | undefined> showSearch popupMatchSelectWidth={false} {...props} options={names.map((value) => ({ value, label: value.replaceAll('_', ' ') }))} />
}
