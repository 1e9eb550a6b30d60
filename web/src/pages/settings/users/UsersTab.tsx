/** Who may sign in, and as what. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Button, Dropdown, Select, Switch } from 'antd'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useSession, type Role } from '@/api/session'
import { changeUser, inviteAgain, removeUser, ROLES, usersQuery, type User } from '@/api/users'
import { Ellipsis, KeyRound, Plus, Trash2 } from '@/ui/icons'
import { DataTable, type Column } from '@/ui/table'
import { useConfirm } from '@/ui/useConfirm'
import { useFail } from '@/ui/useFail'
import { TimeText } from '@/ui/values'
import { InviteModal, ShowInvitation } from './InviteModal'

export default function UsersTab() {
  const { t } = useTranslation('settings')
  const { message } = App.useApp()
  const client = useQueryClient()
  const confirm = useConfirm()
  const fail = useFail()
  const me = useSession()?.user.id
  const users = useQuery(usersQuery)
  const [adding, setAdding] = useState(false)
  const [shown, setShown] = useState<{ name: string; path: string; expires_at: string }>()

  const run = async (work: () => Promise<unknown>, done: string) => {
    try {
      await work()
      if (done) message.success(done)
    } catch (error) {
      fail(error)
    } finally {
      await client.invalidateQueries({ queryKey: ['users'] })
    }
  }
  const change = (user: User, part: Partial<User>) => run(() => changeUser(user.id, { name: user.name, role: user.role, active: user.active, ...part }), t('users.changed', { name: user.name }))
  const remove = async (user: User) => {
    if (await confirm({ title: t('users.remove_title', { name: user.name }), text: t('users.remove_text'), ok: t('users.remove'), danger: true })) await run(() => removeUser(user.id), t('users.removed', { name: user.name }))
  }
  const again = (user: User) => run(async () => setShown({ name: user.name, ...(await inviteAgain(user.id)) }), '')
  const menu = (user: User) => [
    { key: 'again', label: t('users.again'), icon: <KeyRound size={14} />, onClick: () => void again(user) },
    { key: 'remove', label: t('users.remove'), icon: <Trash2 size={14} />, danger: true, disabled: user.id === me, onClick: () => void remove(user) },
  ]

  const columns: Column<User>[] = [
    { key: 'name', title: t('users.name'), width: 220, fixed: 'start', render: (user) => <span className="cw-cell-two"><span className="cw-strong">{user.name}</span><small>{user.email}</small></span> },
    { key: 'role', title: t('users.role'), width: 170, render: (user) => <Select<Role> size="small" style={{ width: 150 }} aria-label={`${t('users.role')}: ${user.name}`} disabled={user.id === me} value={user.role} onChange={(role) => void change(user, { role })} options={ROLES.map((value) => ({ value, label: t(`common:role.${value}`) }))} /> },
    { key: 'active', title: t('users.active'), width: 150, render: (user) => <Switch size="small" aria-label={`${t('users.active')}: ${user.name}`} disabled={user.id === me} checked={user.active} onChange={(active) => void change(user, { active })} /> },
    { key: 'password', title: t('users.state'), width: 200, render: (user) => (user.has_password ? t('users.ready') : <span className="cw-soft">{t('users.invited')}</span>) },
    { key: 'created', title: t('users.added'), width: 150, render: (user) => <TimeText at={user.created_at} form="date" /> },
    {
      key: 'actions',
      title: t('users.actions'),
      width: 60,
      fixed: 'end',
      quiet: true,
      render: (user) => <Dropdown trigger={['click']} menu={{ items: menu(user) }}><Button type="text" size="small" icon={<Ellipsis size={16} />} aria-label={`${t('common:action.more')}: ${user.name}`} /></Dropdown>,
    },
  ]
  return (
    <>
      <DataTable
        label={t('tab.users')}
        columns={columns}
        query={users}
        rowKey={(user) => user.id}
        rowName={(user) => user.name}
        empty={{ text: t('users.none') }}
        filters={<span className="cw-soft">{t('users.text')}</span>}
        actions={<Button type="primary" icon={<Plus size={16} strokeWidth={1.75} />} onClick={() => setAdding(true)}>{t('users.invite')}</Button>}
      />
      {adding && <InviteModal close={() => setAdding(false)} onMade={(user) => { setAdding(false); setShown({ name: user.name, ...user.invitation }) }} />}
      {shown && <ShowInvitation invitation={shown} close={() => setShown(undefined)} />}
    </>
  )
}
