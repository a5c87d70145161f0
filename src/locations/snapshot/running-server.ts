/**
 * Whether a server runs on a data directory, as far as that can be known: by the process id that ZooKeeper's own
 * scripts leave there, and on Linux by files of it that a process has open (of other users' processes only root sees
 * them). A server that has had no transaction since it started has none open.
 */
import { readdir, readFile, readlink, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { SafetyRefusal } from '../../tree/errors.ts'

/** @throws SafetyRefusal */
export async function refuseRunning(directory: string, dataFolder: string): Promise<void> {
  const file = join(directory, 'zookeeper_server.pid')
  const pid = Number(await readFile(file, 'utf8').catch(() => ''))
  if (Number.isSafeInteger(pid) && pid > 0 && isAlive(pid)) {
    throw new SafetyRefusal(
      `A server seems to run on ${directory}: ${file} names the process ${pid}, which is alive; stop it, or remove that file if it is no server.`,
    )
  }
  const user = await userOf(join(directory, dataFolder))
  if (user === null) return
  throw new SafetyRefusal(
    `A server seems to run on ${directory}: the process ${user.pid} has ${user.file} open; stop it first.`,
  )
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A process that has a file of this folder open. */
async function userOf(folder: string): Promise<{ pid: string; file: string } | null> {
  const real = await realpath(folder).catch(() => null)
  if (real === null) return null
  // Elsewhere than on Linux there is no such folder.
  const processes = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))
  for (const pid of processes) {
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const file = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')
      if (file.startsWith(real + sep)) return { pid, file }
    }
  }
  return null
}
