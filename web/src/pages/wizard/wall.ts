/** Times on the clocks of a zone as moments. */
import { wallTime } from '../campaigns/detail/settings/save'

/** The moment at which clocks of the zone show `at` (`2027-03-01T09:00`), in milliseconds. Of a time that they skip it is the one an hour on. */
export function instantOf(at: string, zone: string): number {
  const wanted = Date.parse(`${at}Z`)
  let guess = wanted
  for (let turn = 0; turn < 2; turn++) guess += wanted - Date.parse(`${wallTime(new Date(guess).toISOString(), zone)}Z`)
  return guess
}
