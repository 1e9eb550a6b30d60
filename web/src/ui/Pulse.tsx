/** One line that says what a thing is doing, what holds it and when it goes on. */
import type { ReactNode } from 'react'
import type { StatusTone } from '@/theme'

interface Props {
  tone: StatusTone
  /** What it does now, in a word or two. */
  now: ReactNode
  /** Facts, the most important first; empty ones are left out. */
  facts: ReactNode[]
  /** Leads to more. */
  action?: ReactNode
}

export function Pulse({ tone, now, facts, action }: Props) {
  return (
    <div className="cw-pulse" role="group">
      <span className="cw-pulse-now" data-tone={tone}>{now}</span>
      {facts.filter(Boolean).map((fact, index) => <span key={index} className="cw-pulse-fact">{fact}</span>)}
      {action && <span className="cw-pulse-action">{action}</span>}
    </div>
  )
}
