/** What a test changes in zkferry's process before anything of zkferry runs: its clock, its resolver, its journal. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** NODE_OPTIONS that run a script (CommonJS) first. */
export function preload(script: string): Record<string, string> {
  const file = join(mkdtempSync(join(tmpdir(), 'zkferry-preload-')), 'preload.cjs')
  writeFileSync(file, script)
  return { NODE_OPTIONS: `--require=${file}` }
}

/** A resolver that knows what the file says now: an object from names to addresses. */
export function resolver(file: string): Record<string, string> {
  return preload(`
    const { readFileSync } = require('node:fs')
    const dns = require('node:dns')
    dns.promises.lookup = async (name) => {
      const addresses = JSON.parse(readFileSync(${JSON.stringify(file)}, 'utf8'))[name] ?? []
      if (addresses.length === 0) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
      return addresses.map((address) => ({ address, family: 4 }))
    }
    require('node:module').syncBuiltinESMExports()
  `)
}

/** The wall clock goes an hour forward, then two back, with every look at it. */
export const JUMPING_CLOCK = () =>
  preload(`
    const RealDate = Date
    let looks = 0
    const now = () => RealDate.now() + (looks++ % 2 === 0 ? 1 : -1) * 3_600_000 * looks
    globalThis.Date = class Date extends RealDate {
      constructor(...args) { args.length === 0 ? super(now()) : super(...args) }
      static now() { return now() }
    }
  `)

/** The process kills itself at its nth transaction on a journal: before it is committed, or right after. */
export function killedAtCommit(nth: number, when: 'before' | 'after'): Record<string, string> {
  return preload(`
    const Module = require('node:module')
    const load = Module._load
    let count = 0
    const die = (moment) => {
      if (moment === ${JSON.stringify(when)} && count >= ${nth}) process.kill(process.pid, 'SIGKILL')
    }
    // What better-sqlite3 makes its db.transaction() of.
    Module._load = function (request, ...rest) {
      const loaded = load.call(this, request, ...rest)
      if (request !== './methods/transaction') return loaded
      return function (work) {
        const transaction = loaded.call(this, (...args) => {
          const result = work(...args)
          count++
          die('before')
          return result
        })
        const around = (run) => (...args) => {
          const result = run(...args)
          die('after')
          return result
        }
        return Object.assign(around(transaction), { immediate: around(transaction.immediate) })
      }
    }
  `)
}
