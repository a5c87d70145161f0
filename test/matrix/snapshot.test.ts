/** Servers of every version boot from what `copy … snapshot:` wrote, alone and as three. */
import { beforeAll, describe, test } from 'vitest'
import type { Place } from '../helpers/places.ts'
import { freshRoot, sharedServer } from '../servers/shared.ts'
import { bootsExactly, plantSource } from '../snapshot/contract.ts'
import { MATRIX } from './versions.ts'

let from: Place

beforeAll(async () => {
  from = await plantSource(sharedServer('3.9.5').connectString, freshRoot('boot'))
})

describe('servers boot from a written data directory, with that very tree', () => {
  test.for(MATRIX)('%s alone', (version) => bootsExactly(from, { version, members: 1, root: '/' }))
  test.for(MATRIX)('%s as three', (version) => bootsExactly(from, { version, members: 3, root: '/clone' }))
})
