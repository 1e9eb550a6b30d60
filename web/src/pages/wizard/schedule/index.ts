export { ScheduleEditor, type ScheduleValue } from './ScheduleEditor'
export { runFaults, runsOf, type Run, type Schedule } from './runs'
