/** Real servers boot from what `copy … snapshot:` wrote. All versions do so in `npm run test:matrix`. */
import { beforeAll, describe, test } from 'vitest'
import type { Place } from '../helpers/places.ts'
import { freshRoot, sharedServer } from '../servers/shared.ts'
import { bootsExactly, plantSource } from './contract.ts'

let from: Place

beforeAll(async () => {
  from = await plantSource(sharedServer('3.9.5').connectString, freshRoot('boot'))
})

describe('servers boot from a written data directory, with that very tree', () => {
  test('3.4.14', () => bootsExactly(from, { version: '3.4.14', members: 1, root: '/' }))
  test('3.9.5', () => bootsExactly(from, { version: '3.9.5', members: 1, root: '/clone/of/it' }))
  test('3.9.5 as three', () => bootsExactly(from, { version: '3.9.5', members: 3, root: '/' }))
})
