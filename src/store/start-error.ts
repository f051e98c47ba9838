/** Why a directory cannot be the store of this process, in a sentence for the operator. */
export class StoreStartError extends Error {
  /** For whoever tells an expected refusal from a bug. */
  readonly code: 'STORE_LOCKED' | 'STORE_FORMAT' | 'STORE_LAYOUT' | 'STORE_UNUSABLE';

  constructor(code: StoreStartError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreStartError';
    this.code = code;
  }
}
