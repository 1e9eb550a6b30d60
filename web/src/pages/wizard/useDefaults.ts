/** A new campaign takes the first assistant that is there and the first trunk in service, so that it can be saved as a draft. */
import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { assistantsQuery, trunksQuery } from '@/api/organisation'
import type { Wizard } from './useDraft'

export function useDefaults({ draft, change }: Wizard): void {
  const assistant = useQuery(assistantsQuery).data?.items[0]
  const trunks = useQuery(trunksQuery).data?.items
  const trunk = trunks?.find((one) => one.enabled && one.caller_ids.length > 0)
  useEffect(() => {
    if (draft.assistant_id === undefined && assistant !== undefined) change({ assistant_id: assistant.id })
    else if (draft.trunk_id === undefined && trunk !== undefined) change({ trunk_id: trunk.id, caller_id: trunk.caller_ids[0] ?? null })
  }, [draft.assistant_id, draft.trunk_id, assistant, trunk])
}
