import { Skeleton } from 'antd'
import { useDelayed } from '@/ui/useDelayed'

/** Nothing for 200 ms, so that a fast page does not flicker. */
export function PageSkeleton() {
  const late = useDelayed(true)
  return late ? <div aria-busy><Skeleton active title={{ width: 240 }} paragraph={{ rows: 6 }} /></div> : null
}
