/** The zxids of late writes, as ranges: the same as a set. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ZxidRanges } from '../../src/tree/zxid-ranges.ts'

test('holds what was added, and nothing else, in whatever order it came', () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 0n, max: 40n })), (zxids) => {
      const ranges = new ZxidRanges()
      for (const zxid of zxids) ranges.add(zxid)
      const again = ZxidRanges.of(ranges)
      for (let zxid = 0n; zxid <= 41n; zxid++) {
        expect(ranges.has(zxid)).toBe(zxids.includes(zxid))
        expect(again.has(zxid)).toBe(zxids.includes(zxid))
      }
    }),
  )
})

test('those that follow one another are one range', () => {
  const ranges = new ZxidRanges()
  for (let zxid = 0x100000001n; zxid <= 0x100001000n; zxid++) ranges.add(zxid)
  ranges.add(0x200000001n)
  expect([...ranges]).toEqual([
    [0x100000001n, 0x100001000n],
    [0x200000001n, 0x200000001n],
  ])
})
