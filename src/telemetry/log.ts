/** What the parts log through; pino fulfils it. Fields first, then a sentence. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** For tests and for parts that are run alone. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
