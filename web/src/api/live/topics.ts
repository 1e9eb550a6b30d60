/** What the open pages want to be told of, as the one question that the websocket asks. */
import type { Schema } from '../client'

export type Event = Schema['EventView']
export type EventKind = Schema['EventKind']

/** Events of these kinds, of one campaign or of all. */
export interface Topic {
  kinds: readonly EventKind[]
  campaignId?: string | undefined
}

/** The narrowest question whose answer has everything that any topic asks for; `null` when nothing is asked. */
export function question(topics: Iterable<Topic>): { kinds: EventKind[]; campaignId: string | undefined } | null {
  const all = [...topics]
  if (all.length === 0) return null
  const campaigns = new Set(all.map((topic) => topic.campaignId))
  return {
    kinds: [...new Set(all.flatMap((topic) => topic.kinds))].sort(),
    campaignId: campaigns.size === 1 ? all[0]?.campaignId : undefined,
  }
}

export function wanted(topic: Topic, event: Event): boolean {
  return topic.kinds.includes(event.kind) && (topic.campaignId === undefined || topic.campaignId === event.campaign_id)
}
