/** The demo where no server can be started: what a DBA does when all that is left of an ensemble is a folder. */
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Terminal } from './terminal.ts'

/** `state` is a folder of our own. */
export async function playFiles(state: string, terminal: Terminal): Promise<void> {
  await lookInside(terminal)
  await intoAnArchive(terminal)
  await oneByte(state, terminal)
  await intoANewEnsemble(terminal)
}

async function lookInside(terminal: Terminal): Promise<void> {
  terminal.title('1. What a dead server left behind')
  terminal.say(
    'A data directory that a real ZooKeeper 3.9.5 wrote: a snapshot, and the transactions after it. It held',
    "Codis's and Pegasus's metadata. Read as the server would read it, without a server:",
  )
  await terminal.run('zkferry inspect datadir:$DATA', { expect: 0, head: 30 })
  terminal.say('\nWho removed that job, and when? The log knows:')
  await terminal.run('zkferry inspect --txns --path /pegasus/queue/job-0000000001 datadir:$DATA', {
    expect: 0,
  })
  terminal.say('\nThe queue as it was just before that, from the same files:')
  await terminal.run('zkferry digest --at-zxid 0x19 datadir:$DATA#/pegasus/queue', { expect: 0 })
  terminal.say('\nOne hash for a subtree. A running ensemble with the same tree has the same:')
  await terminal.run('zkferry digest datadir:$DATA#/codis3', { expect: 0 })
}

async function intoAnArchive(terminal: Terminal): Promise<void> {
  terminal.title('2. Into an archive, and proved')
  terminal.say('Data, ACLs, counters, versions, times: one file. It is verified, as every copy is.')
  await terminal.run('zkferry copy datadir:$DATA#/codis3 archive:$STATE/codis.zkferry#/codis3', { expect: 0 })
  await terminal.run('zkferry verify datadir:$DATA#/codis3 archive:$STATE/codis.zkferry#/codis3', {
    expect: 0,
  })
  await terminal.run('zkferry archive list archive:$STATE/codis.zkferry', { expect: 0 })
}

async function oneByte(state: string, terminal: Terminal): Promise<void> {
  terminal.title('3. One byte flips on the disk')
  const file = join(state, 'damaged.zkferry')
  await terminal.run(
    'zkferry copy --no-verify datadir:$DATA#/codis3 archive:$STATE/damaged.zkferry#/codis3',
    {
      expect: 0,
    },
  )
  await flipByte(file)
  terminal.say('\nOne byte in the middle of that file is another one now. Nobody is told that all is well:')
  await terminal.run('zkferry verify datadir:$DATA#/codis3 archive:$STATE/damaged.zkferry#/codis3', {
    expect: 5,
  })
}

async function intoANewEnsemble(terminal: Terminal): Promise<void> {
  terminal.title('4. A folder that new servers boot from')
  await terminal.run('zkferry copy archive:$STATE/codis.zkferry#/codis3 snapshot:$STATE/new#/codis3', {
    expect: 0,
  })
  terminal.say(
    '\nRead back from what a server would load, and compared with the data directory of the beginning:',
  )
  await terminal.run('zkferry verify datadir:$DATA#/codis3 datadir:$STATE/new#/codis3', { expect: 0 })
}

/** In the middle of the file, where the content is. */
async function flipByte(file: string): Promise<void> {
  const { size } = await stat(file)
  const handle = await open(file, 'r+')
  const byte = Buffer.alloc(1)
  const at = Math.floor(size / 2)
  await handle.read(byte, 0, 1, at)
  byte[0] = (byte[0] as number) ^ 0x01
  await handle.write(byte, 0, 1, at)
  await handle.close()
}
