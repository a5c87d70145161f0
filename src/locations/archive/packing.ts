/** Compression of chunks. The first byte of a packed chunk says how: any archive may hold several ways. */
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { ArchiveProblem } from './problems.ts'

export const COMPRESSIONS = ['gzip', 'zstd', 'none'] as const
export type Compression = (typeof COMPRESSIONS)[number]

const CODES: Readonly<Record<Compression, number>> = { none: 0, gzip: 1, zstd: 2 }
/** Nearly as small as the highest level, at a multiple of its speed. */
const LEVEL = 6

type Pack = (plain: Buffer) => Promise<Buffer>
type Unpack = (packed: Buffer, options: { maxOutputLength: number }) => Buffer

/** Where this Node has it: from 22.15 and 23.8 on. */
const zstd = zlib as unknown as {
  zstdCompress?: (plain: Buffer, done: (error: Error | null, packed: Buffer) => void) => void
  zstdDecompressSync?: Unpack
}
const gzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gzip)

/** @throws ArchiveProblem when this Node cannot do it. */
export function checkCompression(compression: Compression): void {
  if (compression !== 'zstd' || zstd.zstdCompress !== undefined) return
  throw new ArchiveProblem(
    'usage',
    `--compress zstd needs Node 22.15 or newer, and this is ${process.version}; use --compress gzip.`,
  )
}

/** In a thread of its own. What does not get smaller stays as it is. */
export async function pack(plain: Buffer, compression: Compression): Promise<Buffer> {
  const packed = compression === 'none' ? plain : await packer(compression)(plain)
  return packed.length < plain.length
    ? Buffer.concat([Buffer.of(CODES[compression]), packed])
    : Buffer.concat([Buffer.of(CODES.none), plain])
}

/** `null` when it is not what was packed. @throws ArchiveProblem when this Node does not know how. */
export function unpack(packed: Buffer, bytes: number): Buffer | null {
  const rest = packed.subarray(1)
  if (packed[0] === CODES.none) return rest
  const unpacker = packed[0] === CODES.gzip ? zlib.gunzipSync : packed[0] === CODES.zstd ? unzstd() : null
  try {
    return unpacker?.(rest, { maxOutputLength: Math.max(1, bytes) }) ?? null
  } catch {
    return null
  }
}

function packer(compression: 'gzip' | 'zstd'): Pack {
  if (compression === 'gzip') return (plain) => gzip(plain, { level: LEVEL })
  return promisify(zstd.zstdCompress as NonNullable<typeof zstd.zstdCompress>)
}

function unzstd(): Unpack {
  if (zstd.zstdDecompressSync !== undefined) return zstd.zstdDecompressSync
  throw new ArchiveProblem(
    'unreadable',
    `The archive is compressed with zstd, which needs Node 22.15 or newer; this is ${process.version}.`,
  )
}
