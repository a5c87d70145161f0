/**
 *   whoAmI 107 request    nothing
 *   whoAmI response       vector<ClientInfo>
 *   ClientInfo            ustring authScheme, ustring user
 */
import { Opcode, type Operation } from './operation.ts'

export interface Identity {
  scheme: string
  user: string
}

/** 3.7 and later. */
export const whoAmI: Operation<null, { identities: Identity[]; zxid: bigint }> = {
  name: 'whoAmI',
  opcode: Opcode.whoAmI,
  write: () => {},
  read: (body, zxid) => {
    const identities: Identity[] = []
    for (let left = body.count(8); left > 0; left--) {
      identities.push({ scheme: body.string(), user: body.nullableString() ?? '' })
    }
    return { identities, zxid }
  },
  pathOf: () => null,
}
