import { describe, expect, test } from 'vitest'
import { formatHost, parseConnectString } from '../../src/zookeeper/connect-string.ts'
import { ConnectStringError } from '../../src/zookeeper/errors.ts'

describe('a connect string', () => {
  test.for([
    ['zk1', [['zk1', 2181]], '/', false],
    ['zk1:2182', [['zk1', 2182]], '/', false],
    [
      'zk1,zk2:2182,10.0.0.3/codis3/a',
      [
        ['zk1', 2181],
        ['zk2', 2182],
        ['10.0.0.3', 2181],
      ],
      '/codis3/a',
      false,
    ],
    ['zk://zk1/', [['zk1', 2181]], '/', false],
    ['zks://zk1:2281/a', [['zk1', 2281]], '/a', true],
    ['[::1]', [['::1', 2181]], '/', false],
    [
      '[2001:db8::1]:2182,[::1]/x',
      [
        ['2001:db8::1', 2182],
        ['::1', 2181],
      ],
      '/x',
      false,
    ],
    ['my_zoo.example.com.:1', [['my_zoo.example.com.', 1]], '/', false],
    ['zk1/a,b', [['zk1', 2181]], '/a,b', false],
  ] as const)('%s', ([text, hosts, path, tls]) => {
    expect(parseConnectString(text)).toEqual({
      hosts: hosts.map(([host, port]) => ({ host, port })),
      path,
      tls,
    })
  })

  test.for([
    ['', 'names no host'],
    ['/path', 'names no host'],
    ['zk://', 'names no host'],
    ['zk1,,zk2', 'has an empty host'],
    ['zk1,', 'has an empty host'],
    [':2181', 'no host before the port in ":2181"'],
    ['zk1:', 'has "" as the port'],
    ['zk1:port', 'has "port" as the port in "zk1:port"; a number is expected'],
    ['zk1:-1', 'has "-1" as the port'],
    ['zk1:0', 'has the port 0 in "zk1:0"; it must be from 1 to 65535'],
    ['zk1:65536', 'has the port 65536'],
    ['zk1:2181:2182', 'too many colons in "zk1:2181:2182"'],
    ['::1', 'an IPv6 address goes in brackets'],
    ['[::1', 'unbalanced bracket'],
    ['::1]:2181', 'unbalanced bracket'],
    ['[]:2181', 'no IPv6 address'],
    ['[zk1]:2181', 'has "zk1" in brackets, which is no IPv6 address'],
    ['[::1]2181', 'unbalanced bracket'],
    ['zk1, zk2', 'white space in the host " zk2"'],
    ['zk 1', 'white space in the host "zk 1"'],
    ['zk1\t', 'white space'],
    ['-zk1', 'neither a name nor an address'],
    ['zk..1', 'neither a name nor an address'],
    ['zk1;zk2', 'neither a name nor an address'],
    ['zk1/a,zk2:2181/b', 'has a path before its last host'],
    ['zk1/a//b', 'has a path that has an empty segment'],
    ['zk1/a/', 'has a path that ends with a slash'],
    ['zk1/a/../b', 'has a path that has ".." as a segment'],
    ['zk1/.', 'has a path that has "." as a segment'],
    ['zk1/a\u0007', 'has a path that has the character U+0007'],
    ['http://zk1', 'begins with http://; zk:// and zks:// are known'],
  ] as const)('%j is refused', ([text, complaint]) => {
    expect(() => parseConnectString(text)).toThrow(ConnectStringError)
    expect(() => parseConnectString(text)).toThrow(`the connect string ${JSON.stringify(text)} `)
    expect(() => parseConnectString(text)).toThrow(complaint)
  })

  test('credentials in it are refused and not repeated', () => {
    const parse = (): unknown => parseConnectString('zk://user:secret@zk1/path')
    expect(parse).toThrow('credentials do not belong there')
    expect(parse).not.toThrow('secret')
  })

  test('a host is written as it was read', () => {
    expect(formatHost({ host: '::1', port: 2181 })).toBe('[::1]:2181')
    expect(formatHost({ host: 'zk1', port: 2181 })).toBe('zk1:2181')
  })
})
