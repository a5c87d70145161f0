// The import table of docs/design.md as a rule: prints each import of src/ that the table does not allow, exits 1.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const source = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..', 'src'))

/** Where a process begins: cli/main.ts, and the one that holds the zookeeper package. */
const PROGRAMS = new Set(['cli/main.ts', 'locations/native-worker.ts'])

/**
 * For each room: the rooms (or single files) it may import besides itself, and the packages. `types` may be imported
 * as types only.
 *
 * @type {Record<string, {rooms: string[], types?: string[], packages: string[]}>}
 */
const TABLE = {
  'zookeeper/wire': { rooms: [], packages: [] },
  // Of the library around them only what an error and an identity are: no I/O in either.
  'zookeeper/operations': {
    rooms: ['zookeeper/wire', 'zookeeper/errors.ts', 'zookeeper/auth.ts'],
    packages: [],
  },
  zookeeper: { rooms: ['zookeeper/wire', 'zookeeper/operations'], packages: ['kerberos'] },
  tree: { rooms: [], packages: ['p-limit', 'picomatch'] },
  locations: { rooms: ['tree', 'zookeeper'], packages: ['better-sqlite3', 'p-limit', 'yaml', 'zookeeper'] },
  journal: { rooms: ['tree'], packages: ['better-sqlite3'] },
  // A copy is proved, and a removal allowed, by the verification itself, not by another one like it.
  copy: { rooms: ['tree', 'journal', 'verify'], packages: ['p-limit'] },
  verify: { rooms: ['tree', 'journal'], packages: ['p-limit'] },
  remove: { rooms: ['tree', 'journal', 'verify'], packages: ['p-limit'] },
  // What a file says is known to those who read it: an inspection shows that itself, not the tree that comes of it.
  inspect: { rooms: ['tree', 'locations/datadir', 'zookeeper/wire'], packages: [] },
  report: { rooms: ['tree/plural.ts'], types: ['tree/events'], packages: ['log-update', 'picocolors'] },
  cli: {
    rooms: ['zookeeper', 'tree', 'locations', 'journal', 'copy', 'verify', 'remove', 'inspect', 'report'],
    packages: ['commander', 'log-update', 'picocolors'],
  },
}

/** These do no I/O: what they must not import from Node. */
const WITHOUT_IO = ['zookeeper/wire', 'zookeeper/operations', 'tree', 'copy', 'verify', 'remove', 'inspect']
const IO = /^node:(net|tls|fs|fs\/promises|dns|dns\/promises|http|https|child_process|process|readline|tty)$/

const IMPORT =
  /(?:^|[\s;])(?:(import|export)\s+(type\s+)?(?:[\w*{][^'";]*?\sfrom\s+)?|import\s*\(\s*)'([^']+)'/g

const problems = []
for (const file of filesIn(source)) {
  const name = relative(source, file).split(sep).join('/')
  const room = roomOf(name)
  const rule = TABLE[room]
  if (!rule) {
    problems.push(`src/${name}: no room of the import table`)
    continue
  }
  const text = withoutComments(readFileSync(file, 'utf8'))
  for (const [, , typeOnly, specifier = ''] of text.matchAll(IMPORT)) {
    const reason = refusal(room, rule, name, specifier, typeOnly !== undefined)
    if (reason) problems.push(`src/${name}: ${reason}`)
  }
  if (!PROGRAMS.has(name) && /\bprocess\.exit\(/.test(text)) {
    problems.push(`src/${name}: only cli/main.ts may call process.exit()`)
  }
}

for (const problem of problems) console.error(problem)
console.log(problems.length === 0 ? 'import table: kept' : `import table: ${problems.length} violations`)
process.exitCode = problems.length === 0 ? 0 : 1

/**
 * Why `room` may not import `specifier`, or undefined when it may.
 *
 * @param {string} room @param {typeof TABLE[string]} rule @param {string} from @param {string} specifier
 * @param {boolean} typeOnly
 */
function refusal(room, rule, from, specifier, typeOnly) {
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(from), specifier)
    if (target.startsWith('..'))
      return target === '../package.json' ? undefined : `'${specifier}' is outside src`
    const other = roomOf(target)
    if (other === room || rule.rooms.some((allowed) => target === allowed || isWithin(target, allowed)))
      return undefined
    if (rule.types?.some((allowed) => `${allowed}.ts` === target)) {
      return typeOnly ? undefined : `${room} may import ${target} as types only`
    }
    return `${room} may not import ${target}`
  }
  if (specifier.startsWith('node:')) {
    return WITHOUT_IO.includes(room) && IO.test(specifier)
      ? `${room} may not import ${specifier}: no I/O there`
      : undefined
  }
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  return rule.packages.includes(name) ? undefined : `${room} may not import the package ${name}`
}

/**
 * The most specific room that holds the file.
 * @param {string} name
 */
function roomOf(name) {
  const rooms = Object.keys(TABLE).filter((room) => isWithin(name, room))
  return rooms.sort((a, b) => b.length - a.length)[0] ?? ''
}

/** @param {string} name @param {string} room */
function isWithin(name, room) {
  return name.startsWith(`${room}/`)
}

/** @param {string} folder @returns {string[]} */
function filesIn(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/** @param {string} text */
function withoutComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}
