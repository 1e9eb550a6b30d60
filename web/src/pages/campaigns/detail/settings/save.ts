/** Changes of a campaign: the whole is sent back with the tag of what was read, so that nobody's change is undone. */
import { useQueryClient } from '@tanstack/react-query'
import type { Campaign } from '@/api/campaigns'
import { api, type Schema } from '@/api/client'

export function useSaveCampaign(): (campaign: Campaign, change: Partial<Schema['CampaignInput']>) => Promise<void> {
  const client = useQueryClient()
  return async (campaign, change) => {
    const path = { id: campaign.id }
    const { data, response } = await api.GET('/api/v1/campaigns/{id}', { params: { path } })
    // What a form showed is older than this tag: another person's change in between is told as a conflict.
    if (data!.version !== campaign.version) throw new Conflict()
    await api.PUT('/api/v1/campaigns/{id}', { params: { path, header: { 'If-Match': response.headers.get('ETag') ?? '*' } }, body: { ...inputOf(data!), ...change } })
    await client.invalidateQueries({ queryKey: ['campaigns'] })
  }
}

/** Somebody saved first. */
export class Conflict extends Error {}

/** What can be set, out of what is shown. The scheduled start is a wall time in the campaign's zone. */
export function inputOf(campaign: Campaign): Schema['CampaignInput'] {
  return {
    name: campaign.name,
    goal: campaign.goal ?? null,
    assistant_id: campaign.assistant_id,
    trunk_id: campaign.trunk_id,
    caller_id: campaign.caller_id,
    schedule: campaign.schedule,
    settings: campaign.settings,
    disclosure: campaign.disclosure,
    scheduled_start: campaign.scheduled_start_at ? { at: wallTime(campaign.scheduled_start_at, campaign.schedule.time_zone), time_zone: campaign.schedule.time_zone } : null,
  }
}

/** `2027-03-01T09:00:00` as the clocks of the zone show that moment. */
export function wallTime(at: string, zone: string): string {
  const parts = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).formatToParts(new Date(at))
  const part = (type: string) => parts.find((one) => one.type === type)!.value
  return `${part('year')}-${part('month')}-${part('day')}T${part('hour')}:${part('minute')}:${part('second')}`
}
