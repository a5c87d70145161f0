/**
 *   sync 9 request    ustring path
 *   sync response     ustring path
 *
 * Afterwards the server that we are attached to has seen what its leader had when the sync came in.
 */
import { Opcode, type Operation, pathOfRequest, writePath } from './operation.ts'

export const sync: Operation<string, { path: string; zxid: bigint }> = {
  name: 'sync',
  opcode: Opcode.sync,
  write: writePath,
  read: (body, zxid) => ({ path: body.string(), zxid }),
  pathOf: pathOfRequest,
}
