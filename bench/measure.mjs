// Loaded by `--import` into a program that is measured: at its end, it writes what the process has used.
import { writeFileSync } from 'node:fs'

const file = process.env.ZKFERRY_BENCH_USAGE

if (file) {
  process.on('exit', () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
    writeFileSync(
      file,
      JSON.stringify({ cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, maxRssBytes: maxRSS * 1024 }),
    )
  })
}
