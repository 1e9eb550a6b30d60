/** The areas of the console, one line each. An area that is not here does not exist. */
import type { Area } from '@/app/area'
import { assistants } from './assistants/area'
import { calls } from './calls/area'
import { campaigns } from './campaigns/area'
import { home } from './home/area'
import { live } from './live/area'
import { providers } from './providers/area'
import { trunks } from './trunks/area'

export const areas: Area[] = [home, live, calls, campaigns, assistants, trunks, providers]
