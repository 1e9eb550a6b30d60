/** One query cache with the rules that hold for all reads. */
import { QueryClient } from '@tanstack/react-query'
import { asProblem } from './problem'

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        // A refusal stays one; only what may pass is tried again.
        retry: (count, error) => asProblem(error).passing && count < 2,
        refetchOnWindowFocus: true,
      },
      mutations: { retry: false },
    },
  })
}
