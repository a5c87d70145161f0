/** A file of any format that is read becomes staged znodes, or one sentence about what is wrong with it. */
import { createHash } from 'node:crypto'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { Interrupted } from '../../tree/errors.ts'
import { newestZxid } from '../../tree/znode.ts'
import { breathe } from '../stored/breathe.ts'
import type { StagedZnode, Staging } from '../stored/staging.ts'
import { unpackStat } from '../stored/stored-stat.ts'
import { type FlatFormat, flatFormatOf, fromFlat, isServersOwn } from './flat.ts'
import { decoded } from './input.ts'
import { jsonEntries } from './json-entries.ts'
import { FormatProblem, shown } from './problem.ts'
import { asEnd, BASE, checkHeader, fromRecord, isHeader } from './record.ts'
import type { OwnFormat } from './records.ts'

export const READ_FORMATS = ['auto', 'ndjson', 'json', 'yaml', 'zk_shell', 'zoocreeper'] as const
export type ReadFormat = (typeof READ_FORMATS)[number]

export interface Reading {
  staging: Staging
  format: ReadFormat
  signal: AbortSignal
  note: (message: string) => void
}

export interface FileContents {
  /** Of the bytes as they were read. */
  sha256: Buffer
  /** Filters left something out, or it could not be read. */
  partial: boolean
  /** Znodes that whoever wrote it could not read. */
  failed: number
  /** Absolute in the staging: they only lead to what is in the file. */
  leads: ReadonlySet<string>
  zxid: bigint
  /** It says nothing of ACLs. */
  lacksAcls: boolean
}

/** What is seen of a file before its format is known. */
const HEAD_BYTES = 4096

/** @throws FormatProblem; whatever the chunks' reader throws; Interrupted */
export async function stageFile(chunks: AsyncIterable<Buffer>, reading: Reading): Promise<FileContents> {
  const hash = createHash('sha256')
  const stager = new Stager(reading)
  const bytes = await headed(unpacked(await headed(hashed(chunks, hash))))
  if (bytes.head.length === 0) throw new FormatProblem('it is empty')
  const format = reading.format === 'auto' ? formatOf(bytes.head) : reading.format
  const texts = decoded(bytes.all())
  if (format === 'flat' || format === 'zk_shell' || format === 'zoocreeper')
    await stager.flat(texts, format === 'flat' ? null : format)
  else await stager.own(texts, format)
  return { ...stager.contents, sha256: hash.digest() }
}

class Stager {
  readonly #reading: Reading
  readonly #leads = new Set<string>()
  #partial = false
  #failed = 0
  #zxid = 0n
  #hasAcls: boolean | null = null

  constructor(reading: Reading) {
    this.#reading = reading
  }

  get contents(): Omit<FileContents, 'sha256'> {
    return {
      partial: this.#partial,
      failed: this.#failed,
      leads: this.#leads,
      zxid: this.#zxid,
      lacksAcls: this.#hasAcls === false,
    }
  }

  async own(texts: AsyncIterable<string>, format: OwnFormat): Promise<void> {
    const { recordsOf } = await import('./records.ts')
    let [begun, ended] = [false, false]
    for await (const { where, value } of recordsOf(format, texts)) {
      await this.#breathe()
      at(where, () => {
        if (ended) throw new FormatProblem('comes after the end')
        if (!begun) {
          this.#partial = checkHeader(value).partial === true
          begun = true
          return
        }
        const end = asEnd(value)
        if (end !== null) {
          this.#failed = end.failed ?? 0
          ended = true
          return
        }
        const { znode, leads, hasAcl } = fromRecord(value)
        this.#hasAcls ??= hasAcl
        if (hasAcl !== this.#hasAcls)
          throw new FormatProblem(
            `(${shown(fromBase(znode.path))}) has ${hasAcl ? 'an ACL, and those before it have none' : 'no ACL, and those before it have one'}`,
          )
        this.#put(znode)
        if (leads) this.#leads.add(znode.path)
      })
    }
    if (!begun) throw new FormatProblem('it holds no record')
    if (!ended) throw new FormatProblem('it lacks the end that every export has: it is cut off')
  }

  async flat(texts: AsyncIterable<string>, asked: FlatFormat | null): Promise<void> {
    let format = asked
    let [own, entries] = [0, 0]
    for await (const { line, key, value } of jsonEntries(texts)) {
      await this.#breathe()
      at(`line ${line}`, () => {
        if (key === null) throw new FormatProblem('is in a list, and not below a path')
        entries++
        format ??= flatFormatOf(value)
        if (isServersOwn(key)) own++
        else this.#put(fromFlat(format, key, value))
      })
    }
    if (entries === 0) throw new FormatProblem('it holds no znode')
    if (format === 'plain') this.#hasAcls = false
    const { note } = this.#reading
    if (own > 0) note('/zookeeper in the file is left out: it belongs to the ensemble that was dumped')
    if (format === 'zoocreeper') await this.#counters(note)
    else note('the file has no sequence counters: those on the target stay as they are')
  }

  #put(znode: StagedZnode): void {
    const { staging } = this.#reading
    if (staging.get(znode.path) !== null)
      throw new FormatProblem(`has the path ${shown(fromBase(znode.path))}, which is there already`)
    staging.put(znode)
    const newest = newestZxid(znode.stat)
    if (newest > this.#zxid) this.#zxid = newest
  }

  /** cversion is twice the counter less the children, and what is in the file is all that is known of those. */
  async #counters(note: Reading['note']): Promise<void> {
    const { staging } = this.#reading
    for (const row of staging.rows()) {
      await this.#breathe()
      const { cversion } = unpackStat(row.stat)
      const sequence = ((cversion + row.children + 1) & 0xffffffff) >>> 1
      const path = `${row.parent === '/' ? '' : row.parent}/${row.name}`
      const znode = sequence === 0 ? null : staging.get(path)
      if (znode !== null) staging.put({ ...znode, sequence })
    }
    note(
      'sequence counters are computed from the file: where it lacks children (ephemerals, or what a filter left out) they are too low',
    )
  }

  async #breathe(): Promise<void> {
    await breathe()
    if (this.#reading.signal.aborted)
      throw new Interrupted('Interrupted while the file was read; nothing was changed.')
  }
}

/** The parent of everything at or below `root` has to be there. @throws FormatProblem */
export async function checkWhole(staging: Staging, root: string): Promise<void> {
  let known = ''
  for (const { parent, name } of staging.rows()) {
    await breathe()
    const within = parent === root || parent.startsWith(`${root}/`)
    if (!within || parent === known) continue
    if (staging.get(parent) === null)
      throw new FormatProblem(
        `it holds ${shown(fromBase(`${parent}/${name}`))}, and not the znode ${shown(fromBase(parent))} that this is in`,
      )
    known = parent
  }
}

/** Below the file's root, as in the file. */
function fromBase(path: string): string {
  return path === BASE ? '' : path.slice(BASE.length + 1)
}

function at(where: string, work: () => void): void {
  try {
    work()
  } catch (error) {
    if (!(error instanceof FormatProblem)) throw error
    throw new FormatProblem(`${where} ${error.message}`)
  }
}

function formatOf(head: Buffer): OwnFormat | 'flat' {
  // The head may end within a character.
  const text = head
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trimStart()
  if (text.startsWith('[')) return 'json'
  if (text.startsWith('{')) return isHeader(firstLine(text)) ? 'ndjson' : 'flat'
  if (/^(?:---|#|format:)/.test(text)) return 'yaml'
  throw new FormatProblem(`it is none of the formats ${READ_FORMATS.slice(1).join(', ')}`)
}

function firstLine(text: string): unknown {
  try {
    return JSON.parse(text.split('\n', 1)[0] as string)
  } catch {
    return null
  }
}

interface Headed {
  head: Buffer
  all(): AsyncIterable<Buffer>
}

/** Looks at the first bytes and gives them back. */
async function headed(chunks: AsyncIterable<Buffer>): Promise<Headed> {
  const rest = chunks[Symbol.asyncIterator]()
  const seen: Buffer[] = []
  for (let length = 0; length < HEAD_BYTES; ) {
    const { done, value } = await rest.next()
    if (done) break
    seen.push(value)
    length += value.length
  }
  const head = Buffer.concat(seen)
  return {
    head: head.subarray(0, HEAD_BYTES),
    async *all() {
      if (head.length > 0) yield head
      yield* { [Symbol.asyncIterator]: () => rest }
    },
  }
}

async function* hashed(
  chunks: AsyncIterable<Buffer>,
  hash: { update(bytes: Buffer): unknown },
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    hash.update(chunk)
    yield chunk
  }
}

async function* unpacked({ head, all }: Headed): AsyncGenerator<Buffer> {
  if (head[0] !== 0x1f || head[1] !== 0x8b) return yield* all()
  const gunzip = createGunzip()
  // Its errors are those of whoever reads from it.
  pipeline(Readable.from(all()), gunzip, () => {})
  try {
    yield* gunzip
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code?.startsWith('Z_')) throw error
    throw new FormatProblem('its gzip data are damaged or cut off')
  }
}
