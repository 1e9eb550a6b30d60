import { Select } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Role } from '@/api/session'
import { ROLES, type User } from '@/api/users'

/** What somebody is in the organisation. */
export default function RoleSelect({ user, disabled, onChange }: { user: User; disabled: boolean; onChange: (role: Role) => void }) {
  const { t } = useTranslation('settings')
  return <Select<Role> size="small" style={{ width: 150 }} aria-label={`${t('users.role')}: ${user.name}`} disabled={disabled} value={user.role} onChange={onChange} options={ROLES.map((value) => ({ value, label: t(`common:role.${value}`) }))} />
}
