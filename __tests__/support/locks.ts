// The table of who gets what: every route, method and login, walked over a running listener.
import { pull, startPull, type Pulled, type PullOptions } from './raw-client.ts';

/** Which kind of caller asks. */
const callers = ['nobody', 'a stranger', 'the owner'] as const;
type Caller = (typeof callers)[number];

/** What each kind of caller sends. */
export type Logins = Readonly<Record<Caller, Readonly<Record<string, string>>>>;

/** One request of the table. */
export interface Attempt {
  readonly caller: Caller;
  readonly method: string;
  /** As the table calls it. */
  readonly route: string;
  readonly path: string;
}

/** What is seen of an answer; members that it does not have are left out. */
export interface Seen {
  readonly status: number;
  /** Of the first error in the body; none for HEAD. */
  readonly code?: string;
  readonly challenge?: string;
  readonly allow?: string;
  readonly cache?: string;
}

export interface Walked {
  readonly attempt: Attempt;
  readonly seen: Seen;
  readonly pulled: Pulled;
}

export interface WalkOptions {
  readonly logins: Logins;
  readonly methods: readonly string[];
  /** Name and path of each. */
  readonly routes: readonly (readonly [name: string, path: string])[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Those whose answer never ends. */
  isEndless?(attempt: Attempt): boolean;
}

/** Asks everything of everybody's, one request after the other. */
export async function walk(address: string, options: WalkOptions): Promise<readonly Walked[]> {
  const walked: Walked[] = [];
  // Only what the caller sends counts, not what the address would.
  const { origin } = new URL(address);
  for (const [route, path] of options.routes) {
    for (const method of options.methods) {
      for (const caller of callers) {
        const attempt = { caller, method, route, path };
        const headers = { ...options.headers, ...options.logins[caller] };
        const isEndless = options.isEndless?.(attempt) === true;
        const pulled = await (isEndless ? pullStart : pull)(origin, path, { method, headers });
        walked.push({ attempt, seen: describeAnswer(pulled), pulled });
      }
    }
  }
  return walked;
}

/** An answer and all that its reader could tell it from another by. */
export function fingerprint({ pulled }: Walked): unknown {
  const { date: _date, ...headers } = pulled.headers;
  return { status: pulled.status, headers, body: pulled.body.toString('latin1') };
}

/** The table as lines, to be compared as a whole. */
export function formatTable(rows: readonly { readonly attempt: Attempt; readonly seen: Seen }[]): readonly string[] {
  return rows.map(({ attempt: { caller, method, route }, seen }) => {
    const facts = Object.entries(seen).map(([name, value]) => `${name} ${value}`);
    return `${method} ${route} by ${caller}: ${facts.join(', ')}`;
  });
}

async function pullStart(address: string, path: string, options: PullOptions): Promise<Pulled> {
  const started = startPull(address, path, options);
  await started.status;
  started.abort();
  return await started.done;
}

function describeAnswer({ status, headers, body }: Pulled): Seen {
  const code = findCode(body.toString());
  const challenge = headers['www-authenticate'];
  const allow = headers['allow'];
  const cache = headers['cache-control'];
  return {
    status,
    ...(code !== undefined && { code }),
    ...(challenge !== undefined && { challenge }),
    ...(allow !== undefined && { allow }),
    ...(cache !== undefined && { cache }),
  };
}

function findCode(text: string): string | undefined {
  try {
    const { errors } = JSON.parse(text) as { errors?: readonly { code?: string }[] };
    return errors?.[0]?.code;
  } catch {
    return undefined;
  }
}
