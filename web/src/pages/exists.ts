/** Whether there is a page at an address: links to areas that this console does not have are not shown. */
import { areas } from './areas'

/** `path` as the area writes it: `/campaigns/$id/edit`. */
export function exists(path: string): boolean {
  return areas.some((area) => area.pages.some((page) => (page.options as { path?: string }).path === path))
}
