import { existsSync, rmSync, writeFileSync } from 'node:fs';
import type { Log } from '../telemetry/log.ts';

/** A file that says, over restarts, that rows and files may disagree. */
export interface RecoveryMark {
  readonly isSet: boolean;
  /** They may, from now on: the next start has to compare them. */
  set(): void;
  /** They are being compared; a process that ends meanwhile leaves that to the next one. */
  begin(): void;
  /** They agree, unless something was marked meanwhile. */
  end(): void;
}

/** Written at once rather than in the background: the process may end right after it. A disk that refuses is only logged. */
export function createRecoveryMark(path: string, log: Log): RecoveryMark {
  let isNeededAgain = false;
  const tryTo = (act: () => void): void => {
    try {
      act();
    } catch (error) {
      log.warn({ err: error }, 'that rows and files may disagree cannot be marked');
    }
  };
  const write = () => tryTo(() => writeFileSync(path, '', { mode: 0o600 }));
  return {
    get isSet() {
      return existsSync(path);
    },
    set() {
      if (isNeededAgain) return;
      isNeededAgain = true;
      write();
    },
    begin: write,
    end() {
      if (!isNeededAgain) tryTo(() => rmSync(path, { force: true }));
    },
  };
}
