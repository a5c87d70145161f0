// Started once by each process that starts servers. Reads lines from that process's pipe:
// "+PID FOLDER" a server runs, "-PID" it has ended, "~FOLDER" its folder is gone. When the pipe closes, for
// whatever reason, it ends the servers that are left and removes their folders.
import { readFileSync, rmSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** @type {Map<string, string>} */
const servers = new Map()
/** @type {Set<string>} */
const folders = new Set()

for await (const line of createInterface({ input: process.stdin })) {
  const rest = line.slice(1)
  if (line.startsWith('-')) servers.delete(rest)
  else if (line.startsWith('~')) folders.delete(rest)
  else {
    const space = rest.indexOf(' ')
    servers.set(rest.slice(0, space), rest.slice(space + 1))
    folders.add(rest.slice(space + 1))
  }
}

for (const [pid, folder] of servers) {
  if (isOurs(pid, folder)) kill(Number(pid))
}
for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })

/**
 * The pid may by now belong to another process: ours has its folder in its arguments.
 * @param {string} pid @param {string} folder
 */
function isOurs(pid, folder) {
  if (process.platform !== 'linux') return true
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)
  } catch {
    return false
  }
}

/** @param {number} pid */
function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
}
