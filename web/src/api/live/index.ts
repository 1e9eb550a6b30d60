/** Live data for pages: `useLive({ kinds, campaignId })` keeps the query cache true while the page is open. */
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useEffectEvent, useSyncExternalStore } from 'react'
import { LiveClient, type LiveState } from './client'
import { applyEvents, readAnew } from './patch'
import type { Event, EventKind } from './topics'

export type { Event, EventKind, LiveState }

let shared: LiveClient | undefined
const liveClient = () => (shared ??= new LiveClient())

export const CAMPAIGN_KINDS: readonly EventKind[] = ['campaign.state', 'campaign.start_failed', 'campaign.round', 'campaign.contacts']
export const TARGET_KINDS: readonly EventKind[] = ['target.state', 'target.callback_missed', 'target.hold', 'target.held']
export const ATTEMPT_KINDS: readonly EventKind[] = ['attempt.state']

/** `onEvents` is told too, after the cache has been patched; it may change from render to render. */
export function useLive(topic: { kinds: readonly EventKind[]; campaignId?: string; enabled?: boolean }, onEvents?: (events: Event[]) => void): void {
  const client = useQueryClient()
  const kinds = topic.kinds.join()
  const tell = useEffectEvent((events: Event[]) => onEvents?.(events))
  useEffect(() => {
    if (topic.enabled === false || kinds === '') return
    return liveClient().listen({
      topic: { kinds: kinds.split(',') as EventKind[], campaignId: topic.campaignId },
      onEvents(events) {
        applyEvents(client, events)
        tell(events)
      },
      onGap: () => readAnew(client),
    })
  }, [client, kinds, topic.campaignId, topic.enabled])
}

export function useLiveState(): LiveState {
  return useSyncExternalStore(liveClient().watch, liveClient().current)
}

/** How often a page asks by itself: never while it is told, every 10 s while it is not. For `refetchInterval`. */
export function useFallbackInterval(): number | false {
  return useLiveState() === 'lost' ? 10_000 : false
}
