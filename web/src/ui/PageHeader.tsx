import type { ReactNode } from 'react'

interface Props {
  title: ReactNode
  /** A status tag beside the title. */
  tag?: ReactNode
  /** Short facts after it: a count, a number, a link. */
  facts?: ReactNode
  /** Buttons; the primary one comes last. */
  actions?: ReactNode
}

export function PageHeader({ title, tag, facts, actions }: Props) {
  return (
    <div className="cw-page-head">
      <h1>{title}</h1>
      {tag}
      {facts && <div className="cw-facts">{facts}</div>}
      {actions && <div className="cw-actions">{actions}</div>}
    </div>
  )
}
