/**
 * Znodes on their way into a file: a SQLite table on disk, so that a tree of any size can be put into order without
 * being in memory. It is nobody's record: it is not synced, and goes with the job.
 */
import { rmSync } from 'node:fs'
import Database from 'better-sqlite3'
import { type AclList, storeAcl } from '../../tree/acl.ts'
import type { CreateMode } from '../../tree/create-mode.ts'
import type { Data, Stat } from '../../tree/znode.ts'
import { packStat, unpackStat } from './stored-stat.ts'
import { modeToTtl, ttlToMode } from './ttl.ts'

/** `path` is absolute in the tree. `stat.cversion` and `numChildren` are the origin's; `sequence` is the counter itself. */
export interface StagedZnode {
  path: string
  data: Data
  acl: AclList
  mode: CreateMode
  stat: Stat
  /** The number that the next sequential child gets. */
  sequence: number
}

interface Row {
  parent: string
  name: string
  data: Buffer | null
  acl: number
  ttl: number
  stat: Buffer
  sequence: number
}

/** As SQLite has it. `parent` is absolute in the tree, the tree's own root is ('', ''). */
export interface StagedRow extends Omit<Row, 'acl'> {
  acl: AclList
  children: number
}

/** Rows that are read at once. */
const PAGE = 500
/** A row's own path, in SQL. */
const PATH =
  "CASE znode.parent WHEN '' THEN '/' WHEN '/' THEN '/' || znode.name ELSE znode.parent || '/' || znode.name END"

export class Staging {
  readonly #db: Database.Database
  readonly #put: Database.Statement<[string, string, Buffer | null, number, number, Buffer, number]>
  readonly #get: Database.Statement<[string, string], Row>
  readonly #remove: Database.Statement<[string, string]>
  readonly #names: Database.Statement<[string], { name: string }>
  readonly #children: Database.Statement<[string], { children: number }>
  readonly #after: Database.Statement<[string, string], Row>
  /** Few lists are on many znodes. */
  readonly #acls: AclList[] = []
  readonly #aclIds = new Map<string, number>()
  readonly #idsOfLists = new WeakMap<AclList, number>()
  #open = false

  /** `file` must not be there, and is not for long. */
  constructor(file: string) {
    this.#db = new Database(file)
    // Whoever breaks off begins anew, so nothing has to survive. (Without any journal SQLite does not let us, here.)
    this.#db.pragma('journal_mode = MEMORY')
    this.#db.pragma('synchronous = OFF')
    this.#db.pragma('locking_mode = EXCLUSIVE')
    try {
      this.#db.exec(`
        CREATE TABLE znode (parent TEXT, name TEXT, data BLOB, acl INTEGER, ttl INTEGER, stat BLOB, sequence INTEGER,
          PRIMARY KEY (parent, name)) WITHOUT ROWID`)
    } finally {
      // Nobody else opens it, and it needs no name: it is gone however this process ends.
      rmSync(file)
    }
    this.#put = this.#db.prepare('INSERT OR REPLACE INTO znode VALUES (?, ?, ?, ?, ?, ?, ?)')
    this.#get = this.#db.prepare('SELECT * FROM znode WHERE parent = ? AND name = ?')
    this.#remove = this.#db.prepare('DELETE FROM znode WHERE parent = ? AND name = ?')
    this.#names = this.#db.prepare('SELECT name FROM znode WHERE parent = ? ORDER BY name')
    this.#children = this.#db.prepare('SELECT count(*) AS children FROM znode WHERE parent = ?')
    this.#after = this.#db.prepare(
      `SELECT * FROM znode WHERE (parent, name) > (?, ?) ORDER BY parent, name LIMIT ${PAGE}`,
    )
  }

  put({ path, data, acl, mode, stat, sequence }: StagedZnode): void {
    // One transaction for all, never committed before it is read: a commit per batch would only cost.
    if (!this.#open) {
      this.#db.exec('BEGIN')
      this.#open = true
    }
    const [parent, name] = split(path)
    this.#put.run(parent, name, data, this.#aclId(acl), modeToTtl(mode), packStat(stat), sequence)
  }

  get(path: string): StagedZnode | null {
    const row = this.#get.get(...split(path))
    return row === undefined ? null : this.#znode(row)
  }

  remove(path: string): void {
    this.#remove.run(...split(path))
  }

  names(path: string): string[] {
    return this.#names.all(path).map(({ name }) => name)
  }

  children(path: string): number {
    return (this.#children.get(path) as { children: number }).children
  }

  /** Every list that was staged; that of each znode is one of these very objects. */
  get acls(): readonly AclList[] {
    return this.#acls
  }

  /**
   * Every znode, siblings together and in the order of their names, parents before their children. In pages, so that
   * whoever goes through them may stop to let others work, who may stage more meanwhile.
   */
  *all(): Generator<StagedZnode> {
    // What comes before everything: the root itself is ('', '').
    const root = this.get('/')
    if (root !== null) yield root
    let last: [string, string] = ['', '']
    for (;;) {
      const rows = this.#after.all(...last)
      for (const row of rows) yield this.#znode(row)
      const end = rows.at(-1)
      if (end === undefined || rows.length < PAGE) return
      last = [end.parent, end.name]
    }
  }

  /** The same without decoding, for who only puts them elsewhere: `stat` is packed. */
  *rows(): Generator<StagedRow> {
    const packed = (where: string) =>
      this.#db.prepare<[...string[]], Row & { children: number }>(
        `SELECT *, (SELECT count(*) FROM znode below WHERE below.parent = ${PATH}) AS children FROM znode ${where} ORDER BY parent, name LIMIT ${PAGE}`,
      )
    const after = packed('WHERE (parent, name) > (?, ?)')
    for (let page = packed('').all(); page.length > 0; ) {
      for (const row of page) yield { ...row, acl: this.#acls[row.acl] as AclList }
      const { parent, name } = page.at(-1) as Row
      page = after.all(parent, name)
    }
  }

  close(): void {
    this.#db.close()
  }

  #aclId(acl: AclList): number {
    const known = this.#idsOfLists.get(acl)
    if (known !== undefined) return known
    const key = storeAcl(acl).toString('latin1')
    let id = this.#aclIds.get(key)
    if (id === undefined) {
      id = this.#acls.push(acl) - 1
      this.#aclIds.set(key, id)
    }
    this.#idsOfLists.set(acl, id)
    return id
  }

  #znode({ parent, name, data, acl, ttl, stat, sequence }: Row): StagedZnode {
    return {
      path: parent === '' ? '/' : parent === '/' ? `/${name}` : `${parent}/${name}`,
      data,
      acl: this.#acls[acl] as AclList,
      mode: ttlToMode(ttl),
      stat: unpackStat(stat),
      sequence,
    }
  }
}

/** The root is a child of nothing. */
function split(path: string): [string, string] {
  if (path === '/') return ['', '']
  const slash = path.lastIndexOf('/')
  return [slash === 0 ? '/' : path.slice(0, slash), path.slice(slash + 1)]
}
