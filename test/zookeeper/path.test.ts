import { describe, expect, test } from 'vitest'
import { PathError } from '../../src/zookeeper/errors.ts'
import { checkExistingPath, checkPath } from '../../src/zookeeper/path.ts'

describe('a path', () => {
  test.for(['/', '/a', '/a/b', '/a b', '/...', '/a/.b', '/<default>', '/app%2F1', '/ü', '/\uf900'])(
    '%j is taken',
    (path) => {
      expect(() => checkPath(path)).not.toThrow()
    },
  )

  test.for([
    ['', 'is empty'],
    ['a', 'does not begin with a slash'],
    ['/a/', 'ends with a slash'],
    ['//', 'ends with a slash'],
    ['/a//b', 'has an empty segment'],
    ['/a/./b', 'has "." as a segment'],
    ['/..', 'has ".." as a segment'],
    ['/a\u0000', 'has the character U+0000'],
    ['/a\u009f', 'has the character U+009F'],
    ['/a\ud83d\ude00', 'has the character U+D83D'],
    ['/a\ufff0', 'has the character U+FFF0'],
  ] as const)('%j is refused', ([path, complaint]) => {
    expect(() => checkPath(path)).toThrow(PathError)
    expect(() => checkPath(path)).toThrow(`the path ${JSON.stringify(path)} ${complaint}`)
  })

  test('names that only 3.4 could create can still be read', () => {
    for (const path of ['/a\u001f', '/a\u007f', '/a\u009f', '/a\uf8ff', '/a\ufff0', '/a\uffff']) {
      expect(() => checkPath(path)).toThrow(PathError)
      expect(() => checkExistingPath(path)).not.toThrow()
    }
    expect(() => checkExistingPath('/a\u0001')).toThrow(PathError)
  })
})
