import { useParams } from '@tanstack/react-router'
import { WizardFrame } from './WizardFrame'

export default function EditPage() {
  const { id } = useParams({ strict: false }) as { id: string }
  return <WizardFrame key={id} id={id} />
}
