import { expect, test } from 'vitest'
import { campaign } from './fuzz/campaign.ts'

test('300 damaged data directories: each is read right, refused with a sentence, or its losses are told', async () => {
  const { failures, outcomes } = await campaign(300, 1)
  expect(failures).toEqual([])
  expect(Object.keys(outcomes)).toEqual(expect.arrayContaining(['right', 'refused', 'losses told']))
})
