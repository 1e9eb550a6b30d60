/** What can be done with a live call just now. Each is `undefined` when it can, or the key of the reason why not. */
import type { LiveCall } from '@/api/calls'
import { standing } from '../list/filter'

export interface Offers {
  listen: string | undefined
  mute: string | undefined
  take: string | undefined
  handBack: string | undefined
  whisper: string | undefined
  record: string | undefined
  hangUp: string | undefined
}

export function offers(call: LiveCall, may: { listen: boolean; control: boolean }, over: boolean): Offers {
  const now = standing(call)
  const first = (...whys: (string | false | undefined)[]) => whys.find((why): why is string => Boolean(why))
  const ended = over && 'over'
  const control = !may.control && 'no_control'
  const ringing = (now === 'dialing' || now === 'ringing') && 'ringing'
  const left = now === 'handed_over' && 'agent_left'
  const second = call.second_of != null && 'second_leg'
  return {
    listen: first(ended, !may.listen && 'no_listen'),
    mute: first(ended, control, second, left, ringing),
    take: first(ended, control, second, left, ringing, now === 'taken_over' && 'taken'),
    handBack: first(ended, control, now !== 'taken_over' && 'not_taken'),
    whisper: first(ended, control, second, left, ringing, (call.mode === 'flow' || call.mode === 'external') && 'no_model'),
    record: first(ended, control, second, ringing),
    hangUp: first(ended, control),
  }
}
