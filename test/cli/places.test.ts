import { describe, expect, test } from 'vitest'
import { refuseOverlapInText } from '../../src/cli/places.ts'
import { parseLocation } from '../../src/locations/parse-location.ts'

const overlap = (source: string, target: string) => () =>
  refuseOverlapInText(parseLocation(source, 'source'), parseLocation(target, 'target'))

describe('locations', () => {
  test.each([
    ['zk1', '/'],
    ['zk1', '/codis3'],
    ['zk://zk1', '/codis3'],
  ])('%s%s is understood', (host, path) => {
    expect(parseLocation(`${host}${path}`, 'source')).toMatchObject({
      path,
      tls: false,
      text: `zk1:2181${path}`,
    })
  })

  test('every host is shown with its port, IPv6 in brackets', () => {
    expect(parseLocation('a,[::1]:2182,10.0.0.1:3/x', 'source').text).toBe('a:2181,[::1]:2182,10.0.0.1:3/x')
  })
})

describe('the same ensemble by its text', () => {
  test.each([
    ['a:1,b:2/x', 'b:2,a:1/x', 'same place'],
    ['a,b/x', 'A:2181/x', 'same place'],
    ['a/x', 'a/x/y', 'target lies inside the source'],
    ['a/x/y', 'a/x', 'source lies inside the target'],
    ['a/', 'a/x', 'target lies inside the source'],
  ])('%s → %s: %s', (source, target, complaint) => {
    expect(overlap(source, target)).toThrow(complaint)
  })

  test.each([
    ['a/x', 'b/x'],
    ['a:1/x', 'a:2/x'],
    ['a/x', 'a/y'],
    ['a/x', 'a/xy'],
  ])('%s → %s is fine', (source, target) => {
    expect(overlap(source, target)).not.toThrow()
  })
})
