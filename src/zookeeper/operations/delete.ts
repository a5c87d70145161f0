/**
 *   delete 2 request   ustring path, i32 version
 *   delete response    nothing
 */
import { Opcode, type Operation, pathOfRequest } from './operation.ts'

export interface DeleteRequest {
  path: string
  /** @default −1, any */
  version?: number
}

export interface DeleteReply {
  zxid: bigint
}

export const deleteZnode: Operation<DeleteRequest, DeleteReply> = {
  name: 'delete',
  opcode: Opcode.delete,
  write: (out, { path, version = -1 }) => {
    out.string(path).int(version)
  },
  read: (_body, zxid) => ({ zxid }),
  pathOf: pathOfRequest,
}
