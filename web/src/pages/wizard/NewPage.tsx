import { WizardFrame } from './WizardFrame'

export default function NewPage() {
  return <WizardFrame id={undefined} />
}
