/** The areas of the console, one line each. An area that is not here does not exist. */
import type { Area } from '@/app/area'
import { assistants } from './assistants/area'
import { calls } from './calls/area'
import { campaigns } from './campaigns/area'
import { home } from './home/area'
import { live } from './live/area'
import { people } from './people/area'
import { providers } from './providers/area'
import { settings } from './settings/area'
import { trunks } from './trunks/area'
import { wizard } from './wizard/area'

export const areas: Area[] = [home, live, calls, campaigns, wizard, people, assistants, trunks, providers, settings]
