/** Rules 5 and 6: what is deleted, and what becomes of ephemerals on the target. Limits are in copy-delete.test.ts. */
import { expect, test } from 'vitest'
import { pair, plant } from '../helpers/places.ts'
import { readTree } from '../helpers/read-tree.ts'
import { freshJournal, zkferry } from '../helpers/zkferry.ts'
import { eventually } from '../zookeeper/helpers.ts'

const DELETE = ['copy', '--merge', '--delete', '--yes', '--rounds', '0']

test('rule 5: excluded paths are never deleted nor counted, and keep the directories that hold them', async () => {
  const { from, to } = await pair('rule5')
  await plant(from, { '': null })
  await plant(to, {
    '': null,
    x: null,
    'x/y': null,
    'x/y/keep': 'k',
    'x/go': null,
    keep: null,
    'keep/below': null,
  })
  const args = [...DELETE.filter((arg) => arg !== '--yes'), '--max-delete', '1', '--exclude', '**/keep']
  const { summary, differences, code } = await zkferry([...args, from.location, to.location])
  expect(summary.znodes.deleted).toBe(1)
  expect([...(await readTree(to)).keys()].sort()).toEqual(['', 'keep', 'keep/below', 'x', 'x/y', 'x/y/keep'])
  expect(differences()).toEqual(['x/y: missing-in-source', 'x: missing-in-source'])
  expect(code).toBe(1)
})

test('rule 5: nothing is deleted whose source appears while the copy runs', async () => {
  const { from, to } = await pair('rule5')
  const wide = Object.fromEntries(Array.from({ length: 600 }, (_, at) => [`z${at}`, null]))
  await plant(from, { '': null })
  await plant(to, { '': null, 'a-late': 'on the target', ...wide })
  const copying = zkferry([...DELETE, '--rate', '400', '--no-verify', from.location, to.location], {
    onStart: (child) => {
      child.stdout?.on('data', (text: string) => {
        if (text.includes('"type":"run"'))
          void from.client.create(from.at('a-late'), Buffer.from('on the source, late'))
      })
    },
  })
  const { summary } = await copying
  expect((await readTree(to)).has('a-late')).toBe(true)
  expect(summary.znodes.deleted).toBe(600)
})

test('rule 5: nothing is deleted that changed since it was read', async () => {
  const { from, to } = await pair('rule5')
  const wide = Object.fromEntries(Array.from({ length: 600 }, (_, at) => [`z${at}`, null]))
  await plant(from, { '': null })
  await plant(to, { '': null, 'a-live': 'before', ...wide })
  const copying = zkferry([...DELETE, '--rate', '300', '--no-verify', from.location, to.location], {
    onStart: (child) => {
      child.stdout?.on('data', (text: string) => {
        if (text.includes('"type":"run"'))
          setTimeout(() => void to.client.setData(to.at('a-live'), Buffer.from('somebody works here')), 1000)
      })
    },
  })
  const { code, summary, of } = await copying
  expect(code).toBe(3)
  expect(of('failed')).toEqual([
    expect.objectContaining({ path: 'a-live', side: 'target', code: 'BADVERSION' }),
  ])
  expect(summary.status).toBe('incomplete')
  expect((await to.client.getData(to.at('a-live'))).data?.toString()).toBe('somebody works here')
})

test.each([[[]], [['--no-undo']]])(
  'rule 5: nor what was deleted and made anew since: %j',
  async (options) => {
    const { from, to } = await pair('rule5')
    const wide = Object.fromEntries(Array.from({ length: 900 }, (_, at) => [`z${at}`, null]))
    await plant(from, { '': null, ...wide })
    await plant(to, { '': null, 'a-live': 'before' })
    const args = [...DELETE, ...options, '--rate', '300', '--no-verify', from.location, to.location]
    const copying = zkferry(args)
    // Once its neighbours are there, it was read.
    await eventually(async () => expect(await to.client.exists(to.at('z0'))).not.toBeNull())
    await to.client.delete(to.at('a-live'))
    await to.client.create(to.at('a-live'), Buffer.from('somebody works here'))
    const { code, of, stderr } = await copying
    expect(code, stderr).toBe(3)
    expect(of('failed')).toEqual([
      expect.objectContaining({ path: 'a-live', side: 'target', code: 'BADVERSION' }),
    ])
    expect((await to.client.getData(to.at('a-live'))).data?.toString()).toBe('somebody works here')
  },
)

test('rule 6: someone’s ephemeral in the place of a znode is neither set nor deleted, but a failure', async () => {
  const { from, to } = await pair('rule6')
  await plant(from, { '': null, a: 'persistent', b: 'x' })
  await plant(to, { '': null, a: { data: 'alive', ephemeral: true } })
  const { code, summary, of } = await zkferry([...DELETE, from.location, to.location])
  expect(code).toBe(3)
  expect(summary.status).toBe('incomplete')
  expect(of('failed')).toContainEqual(
    expect.objectContaining({ path: 'a', side: 'target', code: 'EPHEMERAL' }),
  )
  const tree = await readTree(to)
  expect(tree.get('a')).toMatchObject({ data: Buffer.from('alive').toString('base64'), stat: { version: 0 } })
  expect(tree.has('b')).toBe(true)
})

test('rule 6: an ephemeral that only the target has is a difference to verify', async () => {
  const { from, to } = await pair('rule6')
  await plant(from, { '': null })
  await plant(to, { '': null, session: { ephemeral: true } })
  const { code, differences } = await zkferry(['verify', '--rounds', '0', from.location, to.location])
  expect(code).toBe(1)
  expect(differences()).toEqual(['session: ephemeral'])
})

test('rule 6: a persistent znode where the source has an ephemeral is a difference, and goes only with --delete', async () => {
  const { from, to } = await pair('rule6')
  await plant(from, { '': null, lock: { ephemeral: true } })
  await plant(to, { '': null, lock: 'left behind' })
  const args = ['copy', '--merge', '--rounds', '0', '--journal', freshJournal(), from.location, to.location]
  for (const verify of [[], ['--no-verify']]) {
    const kept = await zkferry([...args, ...verify])
    expect(kept.code, kept.stderr).toBe(1)
    expect(kept.summary.status).toBe('different')
  }
  expect(await to.client.exists(to.at('lock'))).not.toBeNull()
  const { code, stderr } = await zkferry([...args, '--delete', '--max-delete', '1'])
  expect(code, stderr).toBe(0)
  expect(await to.client.exists(to.at('lock'))).toBeNull()
})

test('rule 6: neither does someone’s ephemeral get the ACL of a znode that would lock the tool out', async () => {
  const { from, to } = await pair('rule6')
  await plant(from, { '': null, a: { data: 'x', acl: ['31:ip:127.0.0.1'] }, 'a/below': 'y' })
  await plant(to, { '': null, a: { data: 'alive', ephemeral: true } })
  const { code } = await zkferry(['copy', '--merge', '--rounds', '0', from.location, to.location])
  expect(code).toBe(3)
  expect((await readTree(to)).get('a')).toMatchObject({
    acl: ['31:world:anyone'],
    stat: { version: 0, aversion: 0 },
  })
})
