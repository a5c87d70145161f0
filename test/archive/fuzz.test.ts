/** Damage: two hundred copies with a byte, a page or an end that is not as it was. `npm run test:fuzz-archive` has more. */
import { expect, test } from 'vitest'
import { freshFolder } from './folders.ts'
import { encryptedCampaign, plainCampaign } from './fuzz/campaign.ts'

test('what is damaged is found to be, or reads as it should', async () => {
  const { refused, harmless } = await plainCampaign(freshFolder(), 160, 1)
  // Else the damage was none.
  expect(refused).toBeGreaterThan(20)
  expect(harmless).toBeGreaterThan(0)
})

test('the same of an encrypted one', async () => {
  const { refused } = await encryptedCampaign(freshFolder(), 40, 1)
  expect(refused).toBeGreaterThan(5)
})
