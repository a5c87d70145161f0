#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const [major, minor] = process.versions.node.split('.').map(Number)
const main = new URL('../dist/cli/main.js', import.meta.url)

if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`zkferry: Node ${process.versions.node} is too old: install Node 20.19 or newer`)
  process.exitCode = 2
} else if (!existsSync(main)) {
  const checkout = fileURLToPath(new URL('..', import.meta.url))
  console.error(`zkferry: this checkout is not built yet: run \`npm run setup\` in ${checkout}`)
  process.exitCode = 2
} else {
  await import(main)
}
