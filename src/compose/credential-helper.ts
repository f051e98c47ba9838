// Credential helpers: the programs `docker-credential-NAME` that Docker asks for logins. Knows nothing of registries.
import { spawn, type ChildProcess } from 'node:child_process';
import type { Clock } from '../telemetry/clock.ts';
import type { RunHelper } from '../upstream/options.ts';

export interface HelperRunnerOptions {
  /** What helpers see, but for our own variables: they find their accounts in it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/** Runs helpers as programs of their own, without a shell. The owner must `close` it. */
export interface HelperRunner {
  readonly run: RunHelper;
  /** Ends what is running. */
  close(): void;
}

const timeoutMs = 10_000;
const maxOutputBytes = 64 * 1024;

/**
 * Speaks the protocol of docker-credential-helpers: `get`, the server's name on stdin, JSON on stdout. What a helper
 * writes is repeated to nobody: an error's text may hold anything.
 */
export function createHelperRunner({ environment, clock }: HelperRunnerOptions): HelperRunner {
  const running = new Set<ChildProcess>();
  const env = Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('STOWAGE__')));

  async function run(helper: string, server: string): Promise<string> {
    const program = `docker-credential-${helper}`;
    // A group of its own: what the helper has started ends with it.
    const child = spawn(program, ['get'], { env, stdio: ['pipe', 'pipe', 'ignore'], detached: true });
    running.add(child);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const timer = clock.startTimer(timeoutMs, () =>
      reject(new Error(`${program} took more than ${timeoutMs / 1000} s`)),
    );
    const chunks: Buffer[] = [];
    let bytes = 0;
    let isOver = false;
    child.once('error', (error) => reject(new Error(`${program} could not be run${reasonOf(error)}`)));
    child.once('close', (code, signal) => {
      isOver = true;
      if (code === 0) resolve(Buffer.concat(chunks).toString('utf8'));
      else reject(new Error(`${program} ended with ${code === null ? String(signal) : `status ${code}`}`));
    });
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxOutputBytes) chunks.push(chunk);
      else reject(new Error(`${program} wrote more than ${maxOutputBytes} bytes`));
    });
    // It may end without having read it.
    child.stdin.on('error', () => {});
    child.stdin.end(server);
    try {
      return await promise;
    } finally {
      timer.stop();
      running.delete(child);
      if (!isOver) end(child);
    }
  }

  return {
    async run(helper, server) {
      const login = findLogin(await run(helper, server));
      if (login !== undefined) return login;
      throw new Error(`docker-credential-${helper} gave something else than JSON with Username and Secret`);
    },
    close() {
      for (const child of running) end(child);
    },
  };
}

/** The login in what a helper has written; undefined for anything else. Never throws. */
export function findLogin(output: string): { readonly username: string; readonly secret: string } | undefined {
  try {
    const answer = (JSON.parse(output) ?? {}) as Readonly<Record<string, unknown>>;
    const { Username: username, Secret: secret } = answer;
    if (typeof username !== 'string' || typeof secret !== 'string' || secret === '') return undefined;
    return { username, secret };
  } catch {
    return undefined;
  }
}

function reasonOf(error: Error): string {
  const code = 'code' in error ? String(error.code) : '';
  return code === 'ENOENT' ? ': it is in no directory of PATH' : ` (${code})`;
}

/** The helper and what it has started, which may hold its output open. */
function end(child: ChildProcess): void {
  child.stdout?.destroy();
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nobody is left.
  }
}
