/** Who may sign in, and as what. */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { App, Button, Skeleton, Switch } from 'antd'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useSession } from '@/api/session'
import { changeUser, inviteAgain, removeUser, usersQuery, type User } from '@/api/users'
import { IconButton } from '@/ui/IconButton'
import { KeyRound, Plus, Trash2 } from '@/ui/icons'
import { DataTable, type Column } from '@/ui/table'
import { useConfirm } from '@/ui/useConfirm'
import { useFail } from '@/ui/useFail'
import { TimeText } from '@/ui/values'

const RoleSelect = lazy(() => import('./RoleSelect'))
const InviteModal = lazy(() => import('./InviteModal'))
const ShowInvitation = lazy(() => import('./ShowInvitation'))

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

  const columns: Column<User>[] = [
    { key: 'name', title: t('users.name'), width: 220, fixed: 'start', render: (user) => <span className="cw-cell-two"><span className="cw-strong">{user.name}</span><small>{user.email}</small></span> },
    { key: 'role', title: t('users.role'), width: 170, render: (user) => <Suspense fallback={<Skeleton.Button size="small" />}><RoleSelect user={user} disabled={user.id === me} onChange={(role) => void change(user, { role })} /></Suspense> },
    { key: 'active', title: t('users.active'), width: 150, render: (user) => <Switch size="small" aria-label={`${t('users.active')}: ${user.name}`} disabled={user.id === me} checked={user.active} onChange={(active) => void change(user, { active })} /> },
    { key: 'password', title: t('users.state'), width: 200, render: (user) => (user.has_password ? t('users.ready') : <span className="cw-soft">{t('users.invited')}</span>) },
    { key: 'created', title: t('users.added'), width: 150, render: (user) => <TimeText at={user.created_at} form="date" /> },
    {
      key: 'actions',
      title: t('users.actions'),
      width: 84,
      fixed: 'end',
      quiet: true,
      render: (user) => (
        <span className="cw-buttons">
          <IconButton icon={KeyRound} label={`${t('users.again')}: ${user.name}`} onClick={() => void again(user)} />
          <IconButton icon={Trash2} danger label={`${t('users.remove')}: ${user.name}`} why={user.id === me ? t('users.text') : undefined} onClick={() => void remove(user)} />
        </span>
      ),
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
      <Suspense>
      {adding && <InviteModal close={() => setAdding(false)} onMade={(user) => { setAdding(false); setShown({ name: user.name, ...user.invitation }) }} />}
      {shown && <ShowInvitation invitation={shown} close={() => setShown(undefined)} />}
      </Suspense>
    </>
  )
}
