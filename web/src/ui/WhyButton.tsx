/** A button with words that says why it cannot be pressed. It stays reachable by keyboard, so that the reason is too. */
import { Button, Tooltip, type ButtonProps } from 'antd'

export function WhyButton({ why, onClick, className, ...rest }: Omit<ButtonProps, 'disabled'> & { why?: string | undefined }) {
  if (why === undefined) return <Button {...rest} className={className ?? ''} onClick={onClick} />
  return (
    <Tooltip title={why}>
      <Button {...rest} className={`${className ?? ''} cw-off`} aria-disabled />
    </Tooltip>
  )
}
