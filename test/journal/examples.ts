import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { DirectoryRow, DirectoryState, RunEnd, RunSetup } from '../../src/journal/index.ts'

/** A new folder for this test file, removed at its end. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'zkferry-journal-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export const setup: RunSetup = {
  command: 'copy',
  source: 'old1:2181,old2:2181/pegasus',
  target: 'new:2181/pegasus',
  sourceIdentity: {
    czxid: 0x1_0000_0000_0000n + 5n,
    ctime: 1_700_000_000_123n,
  },
  targetIdentity: null,
  options: { exclude: ['**/topom'], acl: true },
  version: '0.1.0',
}

export const end: RunEnd = {
  message: '',
  verified: true,
  sourceDigest: 'aa'.repeat(32),
  targetDigest: 'aa'.repeat(32),
  lateWrites: null,
  lastWrite: (1n << 62n) + 1n,
  counts: { read: 3 },
  consistency: 'quiet',
}

export function directory(
  path: string,
  state: DirectoryState = 'done',
  change: Partial<DirectoryRow> = {},
): DirectoryRow {
  return {
    path,
    state,
    watermark: null,
    childHash: hash(1),
    children: 0,
    emptyTarget: false,
    ...change,
  }
}

/** A 32-byte big-endian number. */
export function hash(value: bigint | number): Buffer {
  return Buffer.from(BigInt(value).toString(16).padStart(64, '0'), 'hex')
}
