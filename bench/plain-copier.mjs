// The copier that one writes in ten minutes: the `zookeeper` package, one request a znode, many in flight.
// Its creates cannot carry an ACL, and it verifies nothing.
//
//   node plain-copier.mjs SOURCE-HOST:PORT SOURCE-PATH TARGET-HOST:PORT TARGET-PATH
import ZooKeeper from 'zookeeper'

const IN_FLIGHT = 256
const [from = '', fromPath = '', to = '', toPath = ''] = process.argv.slice(2)

const source = await connect(from)
const target = await connect(to)
const todo = ['']
let running = 0
let copied = 0

await new Promise((resolve, reject) => {
  const next = () => {
    while (todo.length > 0 && running < IN_FLIGHT) {
      running++
      copy(todo.pop() ?? '').then(() => {
        running--
        next()
      }, reject)
    }
    if (running === 0 && todo.length === 0) resolve(undefined)
  }
  next()
})
source.close()
target.close()
console.log(JSON.stringify({ znodes: copied }))

/** @param {string} path below the roots */
async function copy(path) {
  const [stat, data] = await source.get(fromPath + path, false)
  await target.create(toPath + path, data, ZooKeeper.constants.ZOO_PERSISTENT)
  copied++
  if (stat.numChildren === 0) return
  const names = await source.get_children(fromPath + path, false)
  for (const name of names) todo.push(`${path}/${name}`)
}

/** @param {string} hosts */
async function connect(hosts) {
  const client = new ZooKeeper({
    connect: hosts,
    timeout: 30_000,
    debug_level: ZooKeeper.constants.ZOO_LOG_LEVEL_ERROR,
  })
  await new Promise((resolve, reject) =>
    client.connect({}, (error) => (error ? reject(error) : resolve(undefined))),
  )
  return client
}
