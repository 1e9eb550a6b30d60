/** `/assistants/ID`: the flow of one that is led by a flow, else the prompt. */
import { useQuery } from '@tanstack/react-query'
import { Navigate, useParams } from '@tanstack/react-router'
import { assistantQuery } from '@/api/assistants'
import { PageSkeleton } from '@/app/shell/PageSkeleton'
import { AssistantProblem } from './AssistantProblem'

export default function FirstTab() {
  const { id = '' } = useParams({ strict: false }) as { id?: string }
  const assistant = useQuery(assistantQuery(id))
  if (assistant.error !== null && assistant.data === undefined) return <AssistantProblem error={assistant.error} retry={() => void assistant.refetch()} />
  if (assistant.data === undefined) return <PageSkeleton />
  return <Navigate to={`/assistants/${id}/${(assistant.data.definition.mode ?? 'flow') === 'flow' ? 'flow' : 'prompt'}`} replace />
}
