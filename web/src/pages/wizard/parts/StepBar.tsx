import { Steps } from 'antd'
import { useTranslation } from 'react-i18next'
import { STEPS, type Step } from '../draft'

/** Steps that are whole can be gone to, later ones only when the ones before are. */
export default function StepBar({ step, open, onGo }: { step: Step; open: (step: Step) => boolean; onGo: (step: Step) => void }) {
  const { t } = useTranslation(['wizard', 'campaigns'])
  return <Steps size="small" responsive={false} current={STEPS.indexOf(step)} onChange={(index) => onGo(STEPS[index]!)} items={STEPS.map((one) => ({ title: t(`step.${one}`), disabled: !open(one) }))} />
}
