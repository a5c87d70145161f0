/** Rule 2: a location is one ensemble, whatever servers it names. */
import { expect, onTestFinished, test } from 'vitest'
import { Failures } from '../../src/locations/failures.ts'
import { OneEnsemble } from '../../src/locations/one-ensemble.ts'
import { parseConnectString } from '../../src/zookeeper/index.ts'
import { FaultProxy } from '../faults/proxy.ts'
import { connect, Place, place, plant } from '../helpers/places.ts'
import { readTree } from '../helpers/read-tree.ts'
import { zkferry } from '../helpers/zkferry.ts'
import { startEnsemble } from '../servers/index.ts'
import { freshRoot, sharedServer } from '../servers/shared.ts'

test('rule 2: a source that names servers of two ensembles is read at neither', async () => {
  const here = await place('3.4.14', 'stray')
  const there = new Place(await connect(sharedServer('3.9.5').connectString), '', here.root)
  await plant(here, { '': null, a: 'here' })
  await plant(there, { '': null, a: 'there' })
  const to = await place('3.9.5', 'stray-to')
  const mixed = `${here.address},${sharedServer('3.9.5').connectString}${here.root}`
  for (const command of [
    ['copy', mixed, to.location],
    ['verify', mixed, to.location],
    ['digest', mixed],
    ['rmr', '--yes', mixed],
  ]) {
    const { code, summary } = await zkferry(command)
    expect(code, command.join(' ')).toBe(4)
    expect(summary.message).toMatch(/is of another ensemble than .*; name servers of one ensemble\.$/)
    expect(summary.message).toMatch(new RegExp(`${here.root} was created in transaction 0x`))
  }
  expect((await readTree(here)).size + (await readTree(there)).size).toBe(4)
  expect(await to.client.exists(to.root)).toBeNull()
})

test('rule 2: so is a target, also where its root does not exist yet', async () => {
  const [from, to] = [await place('3.9.5', 'stray'), await place('3.4.14', 'stray-to')]
  await plant(from, { '': null })
  await plant(to, { '': null })
  const target = `${to.address},${from.address}${to.root}-new`
  const { code, summary } = await zkferry(['copy', from.location, target])
  expect(code).toBe(5)
  expect(summary.message).toMatch(/is of another ensemble than .*the oldest znode below \/ was created/)
})

test('rule 2: a stray that was away at first is noticed when a session is begun there', async () => {
  const here = await place('3.4.14', 'late')
  await plant(here, { '': null })
  const proxy = await FaultProxy.before(sharedServer('3.9.5').port)
  onTestFinished(() => proxy.close())
  const location = parseConnectString(`${here.address},${proxy.connectString}`)
  const together = new OneEnsemble(location, here.root, [], new Failures('source', here.location))
  await proxy.refuse()
  await together.meetAll(here.client)
  await proxy.admit()
  const late = await connect(proxy.connectString)
  await expect(together.meet(late)).rejects.toThrow(`${proxy.connectString} is of another ensemble`)
})

test('rule 2: members of one ensemble are one, with sessions that only their server knows, too', async () => {
  const config = { localSessionsEnabled: 'true' }
  const ensemble = await startEnsemble({ config, jvm: ['-Xmx192m'] })
  onTestFinished(() => ensemble.stop())
  const at = new Place(await connect(ensemble.connectString), ensemble.connectString, freshRoot('local'))
  await plant(at, { '': null, a: 'x' })
  await at.client.sync('/')
  const { code, summary } = await zkferry(['digest', at.location])
  expect(code, summary.message).toBe(0)
})
