import { expect, test } from 'vitest'
import { PathSpool } from '../../src/journal/index.ts'

test('paths come back forward and backward, across pages and what is still buffered', () => {
  const spool = new PathSpool()
  const rows = Array.from({ length: 3456 }, (_, i) => ({
    path: `d/${i}/ü`,
    value: i * 1.5,
    zxid: (1n << 62n) + BigInt(i),
    size: i % 7,
  }))
  for (const { path, value, zxid, size } of rows) spool.append(path, value, zxid, size)
  expect(spool.size).toBe(rows.length)
  expect([...spool.forward()]).toEqual(rows)
  expect([...spool.backward()]).toEqual(rows.toReversed())
  spool.append('last')
  expect(spool.backward().next().value).toEqual({ path: 'last', value: 0, zxid: 0n, size: 0 })
  expect(spool.size).toBe(rows.length + 1)
  spool.close()
})

test('an empty list has nothing to say', () => {
  const spool = new PathSpool()
  expect([...spool.forward(), ...spool.backward()]).toEqual([])
  expect(spool.size).toBe(0)
  spool.close()
})
