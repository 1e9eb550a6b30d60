import type { ReactNode } from 'react'

/** White ground with a hairline edge. `actions` stand at the right of the title. */
export function Card({ title, actions, children, className }: { title?: ReactNode; actions?: ReactNode; children: ReactNode; className?: string }) {
  return (
    <section className={`cw-card ${className ?? ''}`}>
      {(title || actions) && (
        <div className="cw-card-head">
          {title && <h2>{title}</h2>}
          {actions && <div className="cw-actions">{actions}</div>}
        </div>
      )}
      {children}
    </section>
  )
}
