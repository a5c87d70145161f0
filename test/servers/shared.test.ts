import { expect, test } from 'vitest'
import { freshRoot, sharedServer } from './shared.ts'

test.for(['3.4.14', '3.9.5'] as const)('the shared server of %s serves', async (version) => {
  const server = sharedServer(version)
  expect(await server.fourLetter('srvr')).toContain(`Zookeeper version: ${server.version}`)
})

test('a fresh root is a path of its own', () => {
  expect(freshRoot('copy')).toMatch(/^\/copy-[0-9a-f]{8}$/)
  expect(freshRoot()).not.toBe(freshRoot())
})
