/** The recorded data directories: what lies in them, and their tree after every transaction. */
import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { LogReader } from '../../../src/locations/datadir/log-reader.ts'
import { open, readAll, type SeenZnode } from './open.ts'

export const RECORDED = ['zookeeper-3.4.14', 'zookeeper-3.9.5'] as const
export type Recorded = (typeof RECORDED)[number]

export interface RecordedPlace {
  /** Do not change it: `copyTo` makes one to play with. */
  folder: string
  /** Names in `version-2`. */
  files: string[]
  /** A tree's signature at each zxid. */
  states: Map<bigint, string>
  newest: bigint
}

const places = new Map<Recorded, Promise<RecordedPlace>>()

export function recordedPlace(name: Recorded): Promise<RecordedPlace> {
  const known = places.get(name) ?? look(name)
  places.set(name, known)
  return known
}

export function recordedFolder(name: Recorded): string {
  let folder = import.meta.dirname
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return join(folder, 'fixtures', 'datadir', name)
}

export function copyTo(place: RecordedPlace, folder: string): void {
  cpSync(join(place.folder, 'version-2'), join(folder, 'version-2'), { recursive: true })
}

export function readFile(place: RecordedPlace, name: string): Buffer {
  return readFileSync(join(place.folder, 'version-2', name))
}

async function look(name: Recorded): Promise<RecordedPlace> {
  const folder = recordedFolder(name)
  const files = readdirSync(join(folder, 'version-2')).sort()
  const zxids = new Set<bigint>()
  for (const file of files) {
    if (file.startsWith('snapshot')) zxids.add(BigInt(`0x${file.split('.')[1]}`))
    else for (const zxid of await zxidsOf(join(folder, 'version-2', file))) zxids.add(zxid)
  }
  const states = new Map<bigint, string>()
  for (const atZxid of zxids) {
    // A 3.4 snapshot does not tell when it was complete: what is lost by that is not the question here.
    const state = await signatureAt(folder, atZxid)
    if (state !== null) states.set(atZxid, state)
  }
  const newest = [...zxids].sort((a, b) => (a < b ? -1 : 1)).at(-1) as bigint
  return { folder, files, states, newest }
}

async function zxidsOf(file: string): Promise<bigint[]> {
  const log = await LogReader.open(file)
  const zxids: bigint[] = []
  while (await log.more()) for (let txn = log.next(); txn !== null; txn = log.next()) zxids.push(txn.zxid)
  await log.close()
  return zxids
}

async function signatureAt(folder: string, atZxid: bigint): Promise<string | null> {
  const { source } = await open(folder, { atZxid, salvage: true })
  try {
    return signature(await readAll(source))
  } catch {
    return null
  } finally {
    await source.close()
  }
}

export function signature(tree: Map<string, SeenZnode>): string {
  const hash = createHash('sha256')
  for (const path of [...tree.keys()].sort()) {
    const text = JSON.stringify([path, tree.get(path)], (_key, value) =>
      typeof value === 'bigint' ? `${value}n` : value,
    )
    hash.update(text)
  }
  return hash.digest('hex')
}
