import { usePreference } from '@/api/preferences'

export type Density = 'comfortable' | 'compact'

/** How close together the rows of tables are; a person's choice for all tables. */
export function useDensity(): [Density, (density: Density) => void] {
  return usePreference<Density>('density', 'comfortable')
}
