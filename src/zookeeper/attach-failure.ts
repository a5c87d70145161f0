/** One attempt at one address failed in a way that may pass. The message completes a sentence that begins with the server. */
export class AttachFailure extends Error {
  override name = 'AttachFailure'
  /** The server took the connection and closed it without a word: why, its `srvr` may tell. */
  readonly closed: boolean

  constructor(message: string, closed = false) {
    super(message)
    this.closed = closed
  }
}

/** In plain words. */
export function describeSocketError(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'refuses connections'
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `cannot be reached from here (${error.code})`
    case 'ETIMEDOUT':
      return 'does not answer'
  }
  return `cannot be connected to (${error.code ?? error.message})`
}
