// @vitest-environment jsdom
import { QueryClientProvider } from '@tanstack/react-query'
import { createMemoryHistory, createRootRoute, createRoute, createRouter, RouterProvider } from '@tanstack/react-router'
import { fireEvent, render, screen, waitFor, within } from '@testing-library/react'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { makeQueryClient } from '@/api/query'
import { sessionQuery } from '@/api/session'
import { parseSearch, stringifySearch } from '@/app/search-params'
import { startTexts } from '@/i18n'
import { DataTable, useList, useSelection, type Column } from '.'

interface Row {
  id: string
  name: string
}

const ROWS: Row[] = ['Ada', 'Ben', 'Cleo'].map((name) => ({ id: name.toLowerCase(), name }))
const COLUMNS: Column<Row>[] = [
  { key: 'name', title: 'Name', width: 200, fixed: 'start', sort: 'name', render: (row) => row.name },
  { key: 'id', title: 'Id', width: 100, render: (row) => row.id },
  { key: 'more', title: 'More', width: 100, hidden: true, render: () => 'x' },
]

let rows = ROWS
let next: string | null = 'cursor-2'

function Page() {
  const list = useList('test')
  const selection = useSelection('all')
  return (
    <DataTable
      label="People"
      columns={COLUMNS}
      query={{ data: { items: rows, next }, error: null, isPending: false, refetch: () => {} }}
      list={list}
      rowKey={(row) => row.id}
      rowName={(row) => row.name}
      total={25}
      selection={selection}
      bulk={(chosen) => <output>{chosen.all ? 'everybody' : chosen.ids.join()}</output>}
      expand={(row) => <p>about {row.name}</p>}
      empty={{ text: 'Nobody yet' }}
    />
  )
}

async function open(at = '/') {
  const root = createRootRoute()
  const page = createRoute({ getParentRoute: () => root, path: '/', component: Page })
  const router = createRouter({ routeTree: root.addChildren([page]), history: createMemoryHistory({ initialEntries: [at] }), parseSearch, stringifySearch })
  const client = makeQueryClient()
  client.setQueryData(sessionQuery.queryKey, null)
  render(<QueryClientProvider client={client}><RouterProvider router={router as never} /></QueryClientProvider>)
  await screen.findByRole('table', { name: 'People' })
  return router
}

beforeAll(startTexts)
beforeEach(() => {
  rows = ROWS
  next = 'cursor-2'
  localStorage.clear()
})

describe('the table', () => {
  it('sorts by the address: up, down, as it is', async () => {
    const router = await open()
    const head = () => screen.getByRole('columnheader', { name: 'Name' })
    expect(head().getAttribute('aria-sort')).toBe('none')
    for (const [sort, aria] of [['name', 'ascending'], ['-name', 'descending'], [undefined, 'none']] as const) {
      fireEvent.click(within(head()).getByRole('button'))
      await waitFor(() => expect(head().getAttribute('aria-sort')).toBe(aria))
      expect((router.state.location.search as Record<string, string>).sort).toBe(sort)
    }
  })

  it('goes on by the cursor and back again', async () => {
    const router = await open()
    fireEvent.click(screen.getByRole('button', { name: 'Next page' }))
    await waitFor(() => expect(router.state.location.search).toEqual({ after: 'cursor-2', page: '2' }))
    expect(screen.getByText(/21–23/)).toBeTruthy()
    fireEvent.click(screen.getByRole('button', { name: 'Previous page' }))
    await waitFor(() => expect(router.state.location.search).toEqual({}))
  })

  it('chooses rows, the page, and all that match', async () => {
    await open()
    fireEvent.click(screen.getByRole('checkbox', { name: 'Select Ben' }))
    expect(screen.getByText('ben', { selector: 'output' })).toBeTruthy()
    fireEvent.click(screen.getByRole('checkbox', { name: 'Select all rows of this page' }))
    expect(screen.getByText('3 selected')).toBeTruthy()
    fireEvent.click(screen.getByRole('button', { name: 'Select all 25 that match' }))
    expect(screen.getByText('everybody')).toBeTruthy()
    fireEvent.click(screen.getByRole('button', { name: 'Clear' }))
    expect(screen.queryByText('everybody')).toBeNull()
  })

  it('hides the columns that wait in the chooser, and opens a row', async () => {
    await open()
    expect(screen.queryByRole('columnheader', { name: 'More' })).toBeNull()
    fireEvent.click(screen.getByRole('button', { name: 'Details of Cleo' }))
    expect(screen.getByText('about Cleo')).toBeTruthy()
  })

  it('says that there is nothing, in the words of the page', async () => {
    rows = []
    next = null
    await open()
    expect(screen.getByText('Nobody yet')).toBeTruthy()
  })
})
