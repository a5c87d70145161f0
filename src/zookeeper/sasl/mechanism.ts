/** What a SASL mechanism is, and the exchange that it takes part in. */

export interface SaslMechanism {
  /** What we begin with; empty where the server shall begin. */
  first(): Promise<Buffer>
  /**
   * The answer to what the server has sent, or `null` when both are done.
   * @throws SaslRefusal
   */
  next(challenge: Buffer | null): Promise<Buffer | null>
}

/** The exchange came to a bad end. The message completes a sentence that begins with the server, and has no secret in it. */
export class SaslRefusal extends Error {
  override name = 'SaslRefusal'
}

/** No mechanism takes so many; a server that goes on for ever is not to be followed. */
const MOST_STEPS = 20

/** @param send resolves with the server's reply */
export async function negotiate(
  mechanism: SaslMechanism,
  send: (token: Buffer) => Promise<Buffer | null>,
): Promise<void> {
  let token: Buffer | null = await mechanism.first()
  for (let step = 0; token !== null; step++) {
    if (step === MOST_STEPS) throw new SaslRefusal('does not come to an end with its SASL authentication')
    token = await mechanism.next(await send(token))
  }
}
