// Asks npm whether the registry has signed what is installed. Where that cannot be found out (offline, or a registry
// without signatures) it says so and goes on: only a signature that is missing or wrong is a failure.
import { spawnSync } from 'node:child_process'

const LIMIT_MS = 120_000
const UNKNOWN =
  /ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EPROTO|SELF_SIGNED|certificate|E40[0-9]|E5\d\d|no dependencies to audit|does not (?:provide|support)|ENOAUDIT|EAUDITGLOBAL/i

const { stdout, stderr, status, error } = spawnSync('npm', ['audit', 'signatures', '--fetch-retries=0'], {
  encoding: 'utf8',
  timeout: LIMIT_MS,
})
const said = `${stdout ?? ''}${stderr ?? ''}`
  .split('\n')
  .filter((line) => line && !line.startsWith('npm warn'))
if (status === 0) console.log(said.join('\n'))
else if (error || UNKNOWN.test(said.join('\n'))) {
  const why = error
    ? error.message
    : (said.find((line) => UNKNOWN.test(line)) ?? '').replace(/^npm error /, '')
  console.log(`The signatures of the packages could not be looked at here (${why}).`)
} else {
  console.error(said.join('\n'))
  process.exitCode = 1
}
