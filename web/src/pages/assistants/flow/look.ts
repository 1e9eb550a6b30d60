/** How each kind of block looks: an icon, and a tone that stands for the kind and always has its word beside it. */
import { CircleCheck, CircleHelp, CircleStop, GitBranch, MessageSquare, PhoneForwarded, Wrench, type Icon } from '@/ui/icons'
import type { Kind } from '../model/steps'

export const LOOK: Record<Kind, { icon: Icon; tone: string }> = {
  say: { icon: MessageSquare, tone: 'live' },
  ask: { icon: CircleHelp, tone: 'callback' },
  branch: { icon: GitBranch, tone: 'waiting' },
  tool: { icon: Wrench, tone: 'partial' },
  mark_success: { icon: CircleCheck, tone: 'success' },
  transfer: { icon: PhoneForwarded, tone: 'new' },
  end: { icon: CircleStop, tone: 'failure' },
}
