/** The demo itself: what a DBA does when an old ensemble has to go. */
import { setTimeout as sleep } from 'node:timers/promises'
import { PEGASUS, type Stage, znodeCount } from './stage.ts'
import type { Terminal } from './terminal.ts'

export async function play(stage: Stage, terminal: Terminal): Promise<void> {
  await pegasus(stage, terminal)
  await codis(terminal)
  await kafka(terminal)
  await changedBehindItsBack(stage, terminal)
  await cleanUp(stage, terminal)
}

async function pegasus(stage: Stage, terminal: Terminal): Promise<void> {
  const places = `--journal $STATE/pegasus.journal $OLD${PEGASUS} $NEW${PEGASUS}`
  terminal.title('1. Pegasus: look first, then copy')
  terminal.say(
    `A Pegasus cluster's tables, ${stage.znodes.pegasus} znodes. A dry run reads, and writes nothing.`,
  )
  await terminal.run(`zkferry copy --dry-run ${places}`, { expect: 0, head: 8 })

  terminal.title('2. A copy that is interrupted, and goes on')
  terminal.say('Slowed down by --rate, so that there is time to press Ctrl-C in the middle of it.')
  const before = await znodeCount(stage.new)
  await terminal.run(`zkferry copy --rate 2000 ${places}`, {
    expect: 130,
    meanwhile: async (child) => {
      while (child.exitCode === null && (await znodeCount(stage.new)) < before + 1500) await sleep(50)
      child.kill('SIGINT')
    },
  })
  terminal.say(
    '\nThe same command again, at full speed now. What was done is not done again. The LOCKNODEs of the meta',
    'servers are ephemerals: skipped and listed. On the new ensemble the servers make their own.',
  )
  await terminal.run(`zkferry copy ${places}`, { expect: 0 })
  terminal.say('\nBoth sides are read once more and compared: data, null or empty, ACLs, child lists.')
  await terminal.run(`zkferry verify $OLD${PEGASUS} $NEW${PEGASUS}`, { expect: 0 })
}

async function codis(terminal: Terminal): Promise<void> {
  terminal.title('3. Codis: leave the lock behind')
  terminal.say(
    'Recorded from a real Codis 3.2. `topom` is the lock of its running dashboard, and although it is a lock it is',
    'a persistent znode: copied along, it would tell the dashboard at the new place that another one is at work,',
    'and keep it from starting. No tool can see that from ZooKeeper; a DBA has to know it, and excludes it.',
  )
  await terminal.run(`zkferry copy --exclude '*/topom' $OLD/codis3 $NEW/codis3`, { expect: 0 })
  terminal.say(
    "\n/jodis holds the proxies' ephemerals. They belong to live sessions: the proxies make them anew.",
  )
  await terminal.run('zkferry copy $OLD/jodis $NEW/jodis', { expect: 0 })
}

async function kafka(terminal: Terminal): Promise<void> {
  terminal.title('4. Kafka, recorded from a real broker')
  await terminal.run('zkferry copy $OLD/kafka $NEW/kafka', { expect: 0 })
}

async function changedBehindItsBack(stage: Stage, terminal: Terminal): Promise<void> {
  terminal.title('5. Somebody changes one znode behind its back')
  const path = '/codis3/codis-demo/slots/slot-0007'
  const wrong = '{\n    "id": 7,\n    "group_id": 0,\n    "action": {}\n}'
  await stage.somebody.setData(path, Buffer.from(wrong))
  terminal.say(`Somebody has set the data of $NEW${path}: the slot belongs to no group now.`)
  const places = `--exclude '*/topom' $OLD/codis3 $NEW/codis3`
  await terminal.run(`zkferry verify ${places}`, { expect: 1 })
  terminal.say(
    '\nThe copy, run again, does not roll a live target back: it names what changed there, and writes nothing …',
  )
  await terminal.run(`zkferry copy ${places}`, { expect: 7 })
  terminal.say('\n… unless it is told to.')
  await terminal.run(`zkferry copy --overwrite-newer ${places}`, { expect: 0 })
}

async function cleanUp(stage: Stage, terminal: Terminal): Promise<void> {
  terminal.title('6. Clean up the old ensemble')
  terminal.say('The Pegasus meta servers still have their ephemerals there: somebody lives in that tree.')
  await terminal.run(`zkferry rmr --yes $OLD${PEGASUS}`, { expect: 7 })
  terminal.say('\nThe applications are stopped now. What would be removed:')
  await stage.applications.close()
  await terminal.run(`zkferry rmr --dry-run $OLD${PEGASUS}`, { expect: 0, head: 8 })
  terminal.say(
    '\nAnd for good, but only if the copy that the journal knows is whole, and both sides are still equal now:',
  )
  await terminal.run(`zkferry rmr --yes --if-verified $STATE/pegasus.journal $OLD${PEGASUS}`, { expect: 0 })
}
