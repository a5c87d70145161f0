/** How much memory a run of zkferry took at most. */

const REPORT = "process.on('exit',()=>process.stderr.write('PEAK '+process.resourceUsage().maxRSS+'\\n'))"

/** Environment of a process that says at its end what the kernel counts as its largest resident set, in KiB. */
export const TELLS_PEAK = {
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(REPORT)}`,
}

/** In bytes. NaN when the process did not come to its end. */
export function peakOf(stderr: string): number {
  return Number(/^PEAK (\d+)$/m.exec(stderr)?.[1]) * 1024
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(0)} MB`
}
