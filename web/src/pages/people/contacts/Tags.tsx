import { Tag } from 'antd'
import { Nothing } from '@/ui/values'

/** Names of tags; all but two are counted. */
export function Tags({ tags, most = 2 }: { tags: readonly { id: string; name: string }[]; most?: number }) {
  if (tags.length === 0) return <Nothing />
  const rest = tags.slice(most)
  return (
    <span className="cw-tags" title={tags.map((tag) => tag.name).join(', ')}>
      {tags.slice(0, most).map((tag) => <Tag key={tag.id}>{tag.name}</Tag>)}
      {rest.length > 0 && <span className="cw-faint">+{rest.length}</span>}
    </span>
  )
}
