/** Before a call is taken over: is there a microphone, and does it hear anything? */
import { Alert, Modal, Select } from 'antd'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { MicrophoneRefused, NoMicrophone, openMicrophone } from '@/api/talk'
import { ProblemAlert } from '@/ui/Problem'
import { Meter } from '../panel/Meter'
import { NotConnected, takeOver, type TakeOver } from './session'
import { useMicrophoneLevel } from './useMicrophoneLevel'

interface Props {
  callId: string
  contact: string
  onTaken: (session: TakeOver) => void
  onEnd: () => void
  close: () => void
}

export function TakeOverModal({ callId, contact, onTaken, onEnd, close }: Props) {
  const { t } = useTranslation('live')
  const [microphone, setMicrophone] = useState<MediaStream>()
  const [devices, setDevices] = useState<MediaDeviceInfo[]>([])
  const [error, setError] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const kept = useRef<MediaStream>(undefined)
  const level = useMicrophoneLevel(microphone)

  const use = (stream: MediaStream) => {
    kept.current?.getTracks().forEach((track) => track.stop())
    kept.current = stream
    setMicrophone(stream)
  }
  useEffect(() => {
    let left = false
    openMicrophone().then(
      async (stream) => {
        if (left) return stream.getTracks().forEach((track) => track.stop())
        use(stream)
        setDevices((await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === 'audioinput' && device.deviceId !== ''))
      },
      (refused: unknown) => !left && setError(refused),
    )
    return () => {
      left = true
      kept.current?.getTracks().forEach((track) => track.stop())
    }
  }, [])

  const choose = (deviceId: string) =>
    void navigator.mediaDevices.getUserMedia({ audio: { deviceId: { exact: deviceId }, echoCancellation: true, noiseSuppression: true } }).then(use, setError)

  const take = async () => {
    if (microphone === undefined) return
    setBusy(true)
    setError(undefined)
    try {
      // From here on the microphone belongs to the session.
      kept.current = undefined
      onTaken(await takeOver(callId, microphone, onEnd))
      close()
    } catch (refused) {
      setError(refused)
      setMicrophone(undefined)
      setBusy(false)
      void openMicrophone().then(use, () => {})
    }
  }
  const known = error instanceof MicrophoneRefused ? 'refused' : error instanceof NoMicrophone ? 'missing' : error instanceof NotConnected ? 'unreached' : undefined
  const here = microphone?.getAudioTracks()[0]?.getSettings().deviceId

  return (
    <Modal open title={t('take.title', { contact })} okText={t('take.ok')} cancelText={t('common:action.cancel')} okButtonProps={{ disabled: microphone === undefined, loading: busy }} onOk={() => void take()} onCancel={close} width={480}>
      <div className="cw-stack cw-tight">
        <p className="cw-soft">{t('take.text')}</p>
        {known && <Alert type="warning" showIcon title={t(`take.mic.${known}`)} description={t(`take.mic.${known}_text`)} />}
        {error !== undefined && known === undefined && <ProblemAlert error={error} />}
        {microphone && (
          <>
            {devices.length > 1 && <Select aria-label={t('take.device')} value={here} onChange={choose} options={devices.map((device) => ({ value: device.deviceId, label: device.label || t('take.device') }))} />}
            <Meter side="agent" label={t('take.you')} read={level} />
            <p className="cw-caption">{t('take.check')}</p>
          </>
        )}
      </div>
    </Modal>
  )
}
