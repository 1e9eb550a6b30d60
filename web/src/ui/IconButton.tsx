/** A button that is an icon alone: named for readers, and by a tooltip, which also says why it cannot be pressed. */
import { Button, Tooltip, type ButtonProps } from 'antd'
import type { Icon } from './icons'

interface Props extends Omit<ButtonProps, 'icon' | 'children' | 'title' | 'disabled' | 'type'> {
  icon: Icon
  label: string
  /** Why it cannot be pressed; it can when this is absent. */
  why?: string | undefined
}

export function IconButton({ icon: Icon, label, why, onClick, ...rest }: Props) {
  return (
    <Tooltip title={why ?? label}>
      <Button
        type="text"
        size="small"
        {...rest}
        className={`cw-icon-button ${why ? 'cw-off' : ''}`}
        aria-label={label}
        aria-disabled={why ? true : undefined}
        icon={<Icon size={16} strokeWidth={1.75} aria-hidden />}
        onClick={why ? undefined : onClick}
      />
    </Tooltip>
  )
}
