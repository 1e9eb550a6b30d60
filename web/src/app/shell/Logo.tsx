export function Logo() {
  return (
    <svg className="cw-logo" viewBox="0 0 32 32" width="26" height="26" aria-hidden>
      <rect width="32" height="32" rx="7" />
      <path d="M8 14v4M12 11v10M16 8v16M20 12v8M24 14.5v3" />
    </svg>
  )
}
