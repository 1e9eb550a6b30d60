/** The contacts that a hold is about, as filters of the tab Contacts; nothing where no filter finds just them. */
export function filterOf(code: string): Record<string, string> | undefined {
  if (code.startsWith('blocked_')) return { state: 'blocked', blocked: code.slice('blocked_'.length) }
  return STATES[code]
}

const STATES: Record<string, Record<string, string>> = {
  preselection: { state: 'new' },
  suspended: { state: 'suspended' },
  callback: { state: 'callback' },
  later_run: { state: 'failed' },
}
