/** What lies in a data directory: `snapshot.<zxid>[.gz|.snappy]` and `log.<zxid>`, zxids in hex. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Compression, compressionOf } from './feeds.ts'

export interface DataFile {
  /** As it lies in its folder. */
  name: string
  path: string
  /** Of a snapshot: that everything up to it is in. Of a log: of its first transaction. */
  zxid: bigint
  /** Bytes on disk. */
  size: number
  /** Milliseconds since the epoch. */
  changedAt: number
}

export interface SnapshotFile extends DataFile {
  compression: Compression
}

const SNAPSHOT = /^snapshot\.([0-9a-f]{1,16})(?:\.(?:gz|snappy))?$/
const LOG = /^log\.([0-9a-f]{1,16})$/

/** By zxid, the oldest first. `null`: there is no such folder. Rejects with the file system's error. */
export async function listSnapshots(folder: string): Promise<SnapshotFile[] | null> {
  const files = await list(folder, SNAPSHOT)
  return files?.map((file) => ({ ...file, compression: compressionOf(file.name) })) ?? null
}

/** By zxid, the oldest first. `null`: there is no such folder. */
export function listLogs(folder: string): Promise<DataFile[] | null> {
  return list(folder, LOG)
}

/** `DIR/version-2` where there is one; else DIR itself, which may be that folder. */
export async function versionFolder(directory: string): Promise<string> {
  const inside = join(directory, 'version-2')
  const found = await stat(inside).catch(() => null)
  return found?.isDirectory() ? inside : directory
}

async function list(folder: string, pattern: RegExp): Promise<DataFile[] | null> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw error
  })
  if (names === null) return null
  const files: DataFile[] = []
  for (const name of names) {
    const [, hex] = pattern.exec(name) ?? []
    if (hex === undefined) continue
    const path = join(folder, name)
    const found = await stat(path)
    if (!found.isFile()) continue
    const zxid = BigInt.asIntN(64, BigInt(`0x${hex}`))
    files.push({ name, path, zxid, size: found.size, changedAt: found.mtimeMs })
  }
  return files.sort((a, b) => (a.zxid < b.zxid ? -1 : a.zxid > b.zxid ? 1 : a.name < b.name ? -1 : 1))
}

/** As ZooKeeper writes it: `0x100000002`. */
export function hexZxid(zxid: bigint): string {
  return `0x${BigInt.asUintN(64, zxid).toString(16)}`
}

export function epochOf(zxid: bigint): bigint {
  return zxid >> 32n
}

export function counterOf(zxid: bigint): bigint {
  return zxid & 0xffffffffn
}
