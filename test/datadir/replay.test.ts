import { test } from 'vitest'
import type { LivedOptions } from './lived.ts'
import { showsTheSame } from './shows-the-same.ts'

const servers: LivedOptions[] = [
  { version: '3.4.14' },
  { version: '3.4.14', snapCount: 200, restart: true },
  { version: '3.5.10', snapCount: 200 },
  { version: '3.9.5', snapCount: 200 },
  { version: '3.9.5', compression: 'gz', snapCount: 200, charset: 'US-ASCII' },
  { version: '3.9.5', compression: 'snappy', restart: true, charset: 'ISO-8859-1' },
  { version: '3.9.5', charset: 'IBM850', rounds: 2 },
]

test.each(servers)('what a server showed is what its files tell: %j', showsTheSame)
