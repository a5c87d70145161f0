/**
 * `npm run demo`: moves real trees between two real ensembles, and cleans up after itself however it ends. Where no
 * server can be started it does the same with files.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { projectRoot } from '../../test/servers/jars.mjs'
import { providerFor } from '../../test/servers/provider.ts'
import { play } from './play.ts'
import { playFiles } from './play-files.ts'
import { setStage } from './stage.ts'
import { Terminal } from './terminal.ts'

const closings: (() => Promise<unknown>)[] = []
let terminal: Terminal | null = null
let ending: Promise<void> | null = null

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => {
    terminal?.kill()
    console.log('\nStopping the servers …')
    void end().finally(() => process.exit(code))
  })
}

try {
  await demo()
} catch (error) {
  // After a signal everything that still runs fails, and that is no news.
  if (ending === null) {
    console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  }
}
await end()
process.exit()

async function demo(): Promise<void> {
  const started = performance.now()
  const without = await whyNoServers()
  if (without !== null) return demoOnFiles(without)
  console.log('Starting two ensembles of three: ZooKeeper 3.4.14, the old one, and 3.9.5, the new one …')
  const stage = await setStage((closing) => (ending === null ? closings.push(closing) : void closing()))
  const variables = { OLD: stage.old.connectString, NEW: stage.new.connectString, STATE: stage.stateFolder }
  terminal = new Terminal(projectRoot(), { ZKFERRY_STATE: join(stage.stateFolder, 'state') }, variables)
  const { pegasus, codis, kafka } = stage.znodes
  console.log(`The old one has been filled: Pegasus ${pegasus} znodes, Codis ${codis}, Kafka ${kafka}.`)
  for (const [name, value] of Object.entries(variables)) console.log(`${name}=${value}`)
  await play(stage, terminal)
  const seconds = Math.round((performance.now() - started) / 1000)
  console.log(`\nDone in ${seconds} s. The servers are stopped now, and everything that was made is removed.`)
}

async function whyNoServers(): Promise<string | null> {
  try {
    await Promise.all(['3.4.14', '3.9.5'].map(providerFor))
    return null
  } catch (error) {
    return (error as Error).message
  }
}

async function demoOnFiles(why: string): Promise<void> {
  console.log(`There are no servers to show it on: ${why}.\nSo this is what can be done with files alone.`)
  const state = await mkdtemp(join(tmpdir(), 'zkferry-demo-'))
  closings.push(() => rm(state, { recursive: true, force: true }))
  const variables = { DATA: join(projectRoot(), 'fixtures', 'datadir', 'zookeeper-3.9.5'), STATE: state }
  terminal = new Terminal(projectRoot(), { ZKFERRY_STATE: join(state, 'state') }, variables)
  for (const [name, value] of Object.entries(variables)) console.log(`${name}=${value}`)
  await playFiles(state, terminal)
  console.log('\nDone. Everything that was made is removed.')
}

/** Undoes everything, the last made first; once, whoever asks. */
function end(): Promise<void> {
  ending ??= (async () => {
    for (const closing of closings.reverse()) await closing().catch(() => {})
  })()
  return ending
}
