/** The one way to show a status: an icon and a word in a tone of the theme. Nobody colours a tag by hand. */
import { Tooltip } from 'antd'
import type { ReactNode } from 'react'
import type { StatusTone } from '@/theme'
import type { Icon } from '../icons'

interface Props {
  tone: StatusTone
  icon: Icon
  children: ReactNode
  /** Why it is so, or when it changes. */
  tooltip?: ReactNode
}

export function StatusTag({ tone, icon: Icon, children, tooltip }: Props) {
  const tag = (
    <span className="cw-tag" data-tone={tone} tabIndex={tooltip ? 0 : undefined}>
      <Icon size={13} strokeWidth={2} aria-hidden />
      <span>{children}</span>
    </span>
  )
  return tooltip ? <Tooltip title={tooltip}>{tag}</Tooltip> : tag
}
