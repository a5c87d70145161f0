/** Resources that run out: file sizes, and disks. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** From now on the process gets an error when a file of its grows beyond so many bytes: as on a full or broken disk. */
export function limitFileSize(pid: number, bytes: number): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:${bytes}`], { stdio: 'pipe' })
}

/** The words that run a command under such a limit. */
export function withFileLimit(bytes: number, command: string[]): string[] {
  return ['prlimit', `--fsize=${bytes}`, '--', ...command]
}

export interface SmallDisk {
  folder: string
  resize(kilobytes: number): void
  release(): void
}

/** A disk of so many kilobytes, where this user may mount one; `null` where not. */
export function smallDisk(kilobytes: number): SmallDisk | null {
  const folder = mkdtempSync(join(tmpdir(), 'zkferry-disk-'))
  const size = (options: string) => ['-o', `${options}size=${kilobytes}k`]
  const mounted = spawnSync('mount', ['-t', 'tmpfs', ...size(''), 'tmpfs', folder], { stdio: 'ignore' })
  if (mounted.status !== 0) {
    rmdirSync(folder)
    return null
  }
  return {
    folder,
    resize(wanted) {
      execFileSync('mount', ['-o', `remount,size=${wanted}k`, folder])
    },
    release() {
      spawnSync('umount', ['-l', folder])
      rmdirSync(folder)
    },
  }
}
