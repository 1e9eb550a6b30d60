/** Days, times, retries and callbacks of each run, with the forecast beside them. */
import { ScheduleEditor } from '../schedule'
import { ForecastAside } from '../parts/ForecastAside'
import type { Wizard } from '../useDraft'

export default function WhenStep({ wizard }: { wizard: Wizard }) {
  const { schedule, settings } = wizard.draft
  return <ScheduleEditor value={{ schedule, settings }} onChange={(value) => wizard.change(value)} aside={<ForecastAside wizard={wizard} />} />
}
