import { Navigate, useParams } from '@tanstack/react-router'

/** `/contacts/:id` opens the contact beside the list. */
export default function OneContact() {
  const { id } = useParams({ strict: false }) as { id: string }
  return <Navigate to="/contacts" search={{ contact: id } as never} replace />
}
