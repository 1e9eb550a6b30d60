import type { ReactNode } from 'react'

/** Nothing here yet: one sentence and the one action. */
export function Empty({ text, action }: { text: ReactNode; action?: ReactNode }) {
  return (
    <div className="cw-empty">
      <p>{text}</p>
      {action}
    </div>
  )
}
