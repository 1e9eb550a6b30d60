// @vitest-environment jsdom
import { fireEvent, render, screen, waitFor } from '@testing-library/react'
import { Suspense, useState } from 'react'
import { beforeAll, describe, expect, it } from 'vitest'
import { startTexts } from '@/i18n'
import { runOf, type Run } from './runs'
import { WeekEditor } from './WeekEditor'

let last: readonly Run[] = []

function Page({ start }: { start: Run[] }) {
  const [runs, setRuns] = useState(start)
  last = runs
  return <Suspense><WeekEditor runs={runs} at={0} onChange={setRuns} shades={() => []} /></Suspense>
}

const slots = () => last[0]!.slots!.map((slot) => `${slot.start_min / 60}-${slot.end_min / 60}`)
const start = (): Run[] => [{ ...runOf(['mon', 'tue']), slots: [{ start_min: 540, end_min: 720 }] }, runOf(['thu'])]
const block = (name: string) => screen.findByRole('button', { name: new RegExp(`^${name}`) })

beforeAll(startTexts)

describe('a week by keyboard', () => {
  it('adds, moves and removes slots of all days', async () => {
    render(<Page start={start()} />)
    const monday = await block('Monday, 09:00–12:00')
    fireEvent.keyDown(monday, { key: '+' })
    expect(slots()).toEqual(['9-12', '14-18'])
    fireEvent.keyDown(monday, { key: 'ArrowRight', shiftKey: true })
    expect(slots()).toEqual(['9.5-12.5', '14-18'])
    fireEvent.keyDown(await block('Tuesday, 14:00–18:00'), { key: 'Delete' })
    expect(slots()).toEqual(['9.5-12.5'])
  })

  it('has one place for the tab key, and arrows that go on from there', async () => {
    render(<Page start={start()} />)
    const monday = await block('Monday, 09:00–12:00')
    const tuesday = await block('Tuesday, 09:00–12:00')
    expect([monday.tabIndex, tuesday.tabIndex]).toEqual([0, -1])
    fireEvent.keyDown(monday, { key: 'ArrowDown' })
    await waitFor(() => expect(document.activeElement).toBe(tuesday))
    expect([monday.tabIndex, tuesday.tabIndex]).toEqual([-1, 0])
  })
})

it('gives a day to one run only', async () => {
  render(<Page start={start()} />)
  expect(((await screen.findByRole('switch', { name: 'Thursday' })) as HTMLButtonElement).disabled).toBe(true)
  expect(screen.getByText('belongs to Run 2')).toBeDefined()
  fireEvent.click(screen.getByRole('switch', { name: 'Friday' }))
  expect(last[0]!.days).toEqual({ weekdays: ['mon', 'tue', 'fri'] })
})
