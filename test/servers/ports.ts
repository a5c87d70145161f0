import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive } from './jars.mjs'

// Below the range that kernels hand out for outgoing connections: there a port that is free now
// could be taken by any client before the server binds it.
const FIRST = 20_000
const LAST = 32_000

const claims = join(tmpdir(), 'zkferry-ports')
const mine = new Set<number>()

/**
 * A free loopback port, claimed for this process until `releasePort` or until the process ends, so that
 * test processes side by side do not clash, and a killed server finds its port again.
 */
export async function claimPort(): Promise<number> {
  mkdirSync(claims, { recursive: true })
  for (let attempt = 0; attempt < 1000; attempt++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST))
    if (!claim(port)) continue
    if (await isFree(port)) return port
    releasePort(port)
  }
  throw new Error(`no free port between ${FIRST} and ${LAST} on 127.0.0.1 after 1000 attempts`)
}

export function releasePort(port: number): void {
  if (mine.delete(port)) rmSync(join(claims, String(port)), { force: true })
}

function claim(port: number): boolean {
  const file = join(claims, String(port))
  try {
    const descriptor = openSync(file, 'wx')
    writeSync(descriptor, String(process.pid))
    closeSync(descriptor)
    mine.add(port)
    return true
  } catch {
    removeIfStale(file)
    return false
  }
}

function removeIfStale(file: string): void {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    if (pid > 0 && !isAlive(pid)) rmSync(file, { force: true })
  } catch {
    // Somebody else removed it: the next attempt takes another port anyway.
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}

process.on('exit', () => {
  for (const port of [...mine]) releasePort(port)
})
