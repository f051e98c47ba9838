/** To the worker: is this the password of the first hash? The others are worked through as well, whatever they say. */
export interface BcryptRequest {
  readonly id: number;
  readonly password: string;
  readonly hashes: readonly string[];
}

export interface BcryptReply {
  readonly id: number;
  readonly isRight: boolean;
}
