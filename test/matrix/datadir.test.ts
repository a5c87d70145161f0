import { test } from 'vitest'
import { showsTheSame } from '../datadir/shows-the-same.ts'
import { VERSIONS } from '../servers/index.ts'

const cases = VERSIONS.flatMap((version) => [
  { version, rounds: 40, snapCount: 300 },
  { version, rounds: 20, snapCount: 300, restart: true },
])

test.each(cases)('what a server showed is what its files tell: %j', showsTheSame)
