/** The areas of the console, one line each. An area that is not here does not exist. */
import type { Area } from '@/app/area'
import { campaigns } from './campaigns/area'
import { home } from './home/area'
import { people } from './people/area'
import { settings } from './settings/area'
import { wizard } from './wizard/area'

export const areas: Area[] = [home, campaigns, wizard, people, settings]
