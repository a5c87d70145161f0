/** Staged znodes as a file: see docs/export.md. */
import { Interrupted } from '../../tree/errors.ts'
import { breathe } from '../stored/breathe.ts'
import type { StagedZnode, Staging } from '../stored/staging.ts'
import { type End, FORMAT, type Header, toRecord, VERSION, type WriteOptions } from './record.ts'
import type { OwnFormat } from './records.ts'
import { hides, showHidden } from './text.ts'

export interface Writing {
  staging: Staging
  format: OwnFormat
  options: WriteOptions
  partial: boolean
  failed: number
  /** Absolute in the staging. */
  leads: ReadonlySet<string>
  signal: AbortSignal
}

/** Where whole lines go: resolves once more may come. */
export type Sink = (text: string) => void | Promise<void>

interface Layout {
  readonly before: string
  record(record: object): string
  readonly between: string
  readonly after: string
}

/** What is handed on at once, in characters. */
const PIECE = 64 * 1024

/** The root is `/` in the staging. @throws Interrupted */
export async function writeExport(writing: Writing, sink: Sink): Promise<void> {
  const { staging, options, partial, failed, leads, signal } = writing
  const layout = await layoutOf(writing.format)
  let text = layout.before
  const header: Header = { format: FORMAT, version: VERSION, ...(partial ? { partial } : {}) }
  text += layout.record(header)
  for (const znode of staging.all()) {
    await breathe()
    if (signal.aborted) throw new Interrupted('Interrupted: nothing was exported.')
    // A piece ends with a line.
    text += layout.between
    if (text.length >= PIECE) {
      await sink(text)
      text = ''
    }
    text += layout.record(toRecord(belowRoot(znode), znode, leads.has(znode.path), options))
  }
  const end: End = { end: true, ...(failed > 0 ? { failed } : {}) }
  await sink(text + layout.between + layout.record(end) + layout.after)
}

async function layoutOf(format: OwnFormat): Promise<Layout> {
  switch (format) {
    case 'ndjson':
      return { before: '', record: (record) => `${jsonLine(record)}\n`, between: '', after: '' }
    case 'json':
      return { before: '[\n', record: jsonLine, between: ',\n', after: '\n]\n' }
    case 'yaml': {
      const { documentOf } = await import('./yaml-documents.ts')
      return { before: '', record: documentOf, between: '', after: '' }
    }
  }
}

function jsonLine(record: object): string {
  const line = JSON.stringify(record)
  return hides(line) ? showHidden(line) : line
}

function belowRoot({ path }: StagedZnode): string {
  return path.slice(1)
}
