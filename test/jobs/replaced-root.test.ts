/** A root that somebody removes and makes anew while the tool deletes below it, or compares with it. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Place, pair, place, plant, plantMany } from '../helpers/places.ts'
import { contents, readTree } from '../helpers/read-tree.ts'
import { DELETING, freshJournal, meanwhile, SOME_DONE, zkferry } from '../helpers/zkferry.ts'

/** Removes what is there as fast as can be, and makes another tree in its place. */
async function replace(where: Place, make: () => Promise<void>): Promise<void> {
  const { client, root } = where
  for (;;) {
    const paths = [root]
    for (const path of paths) {
      const listed = await client.getChildren(path).catch(() => null)
      for (const name of listed?.children ?? []) paths.push(`${path}/${name}`)
      // The others of a wide directory have no children: they are deleted, or refused and tried again.
      if (paths.length > 100) break
    }
    await Promise.all(paths.reverse().map((path) => client.delete(path).catch(() => {})))
    if ((await client.exists(root)) === null) return make()
  }
}

test.each(['3.4.14', '3.9.5'] as const)(
  '%s: rmr leaves a tree alone that takes the place of the one it removes',
  async (version) => {
    const where = await place(version, 'replaced')
    await plantMany(where, 1, 2000)
    const { code, summary } = await meanwhile(
      ['rmr', '--yes', where.location, '--rate', '600'],
      DELETING,
      () => replace(where, () => plantMany(where, 1, 2000)),
    )
    expect(code, JSON.stringify(summary)).toBe(7)
    expect(summary.message).toContain('was removed and made anew by somebody else while it was being removed')
    expect(summary.znodes.deleted).toBeGreaterThan(0)
    expect((await readTree(where)).size).toBe(2002)
  },
)

test.each(['source', 'target'] as const)(
  'copy --delete deletes nothing once the %s is another',
  async (side) => {
    const { from, to } = await pair('replaced')
    await plantMany(from, 20, 50)
    await plant(to, { '': null, only: 'x', 'only/here': 'y' })
    const replaced = side === 'source' ? from : to
    const make = () => plant(replaced, { '': null, only: 'a', 'only/here': 'b', new: 'c' })
    // What the source has is not extra, and what somebody makes on the target was never compared.
    const args = ['copy', '--merge', '--delete', '--yes', from.location, to.location, '--rate', '400']
    const { code, summary, stderr } = await meanwhile([...args, '--journal', freshJournal()], SOME_DONE, () =>
      replace(replaced, side === 'source' ? () => plant(from, { '': null, new: 'c' }) : make),
    )
    expect(code, stderr).toBe(7)
    expect(summary.message).toContain(`The ${side} root`)
    expect(summary.message).toContain('nothing was deleted before that was noticed')
    const left = contents(await readTree(to)).map(([path]) => path)
    expect(left).toEqual(expect.arrayContaining(['only', 'only/here']))
  },
)

test.each([[], ['--no-verify']])('a copy whose source root goes is not done: %j', async (...flags) => {
  const { from, to } = await pair('gone')
  await plantMany(from, 20, 50)
  await plant(to, { '': null })
  const args = ['copy', '--merge', ...flags, from.location, to.location, '--rate', '300']
  const { code, summary, stderr } = await meanwhile([...args, '--journal', freshJournal()], SOME_DONE, () =>
    replace(from, async () => {}),
  )
  expect(code, stderr).toBe(1)
  expect(summary.message).toContain('was removed while it was copied')
})

test.each([[], ['--no-verify']])(
  'an archive of a source root that was made anew meanwhile is not whole, and restores as that: %j',
  async (...flags) => {
    const { from, to } = await pair('replaced')
    await plantMany(from, 20, 50)
    const archive = `archive:${join(mkdtempSync(join(tmpdir(), 'zkferry-replaced-')), 'a.zkferry')}#/app`
    const args = [
      'copy',
      ...flags,
      '--rounds',
      '0',
      '--rate',
      '300',
      '--concurrency',
      '1',
      from.location,
      archive,
    ]
    const made = await meanwhile([...args, '--journal', freshJournal()], SOME_DONE, () =>
      replace(from, () => plant(from, { '': null })),
    )
    expect(made.code, made.stderr).toBe(3)
    expect(made.summary.message).toContain('is not one tree')
    const restored = await zkferry(['copy', archive, to.location])
    expect(restored.code, restored.stderr).toBe(3)
    expect(restored.summary.message).toContain('is not one tree')
  },
)
