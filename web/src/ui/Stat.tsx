/** A number with its name; the hint says how it is counted. */
import type { ReactNode } from 'react'
import { HelpHint } from './HelpHint'

export function Stat({ label, hint, value, note }: { label: string; hint?: string; value: ReactNode; note?: ReactNode }) {
  return (
    <div className="cw-stat">
      <div className="cw-stat-label">{label}{hint && <HelpHint>{hint}</HelpHint>}</div>
      <div className="cw-stat-value">{value}</div>
      {note && <div className="cw-caption">{note}</div>}
    </div>
  )
}

export function Stats({ children }: { children: ReactNode }) {
  return <div className="cw-stats">{children}</div>
}
