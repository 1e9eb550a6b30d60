import { Navigate } from '@tanstack/react-router'

export default function FirstTab() {
  return <Navigate to="/settings/plan" replace />
}
