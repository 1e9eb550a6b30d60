import { useLayoutEffect, useState, type RefObject } from 'react'

/** Whether something `width` pixels wide has to scroll in the frame. */
export function useOverflow(frame: RefObject<HTMLElement | null>, width: number): boolean {
  const [overflows, setOverflows] = useState(false)
  useLayoutEffect(() => {
    const element = frame.current
    if (element === null) return
    const look = () => setOverflows(element.clientWidth > 0 && width > element.clientWidth)
    look()
    const observer = new ResizeObserver(look)
    observer.observe(element)
    return () => observer.disconnect()
  }, [frame, width])
  return overflows
}
