import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { whenSignedOut } from './api/client'
import { makeQueryClient } from './api/query'
import { leave } from './api/session'
import { Providers } from './app/providers'
import { makeRouter } from './app/router'
import { startTexts } from './i18n'
import './styles/base.css'
import './styles/shell.css'
import './styles/ui.css'

const client = makeQueryClient()
const router = makeRouter(client)
whenSignedOut(() => leave(client))

await startTexts()
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Providers client={client}>
      <RouterProvider router={router} />
    </Providers>
  </StrictMode>,
)
