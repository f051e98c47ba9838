// The shape of the program as data: section 2 of the design. A change here is a change of the design.

export interface PartRule {
  /** Parts that may be imported; the part itself always may. */
  readonly imports: readonly string[];
  /** Parts of which only types may be imported. */
  readonly types: readonly string[];
  /** Built-in modules that the part may not know, subpaths included. */
  readonly forbiddenBuiltIns: readonly string[];
}

const files = ['node:fs', 'node:path', 'node:sqlite'];
const sockets = ['node:http', 'node:http2', 'node:https', 'node:net', 'node:tls', 'node:dns', 'node:dgram'];
const processes = ['node:child_process', 'node:worker_threads', 'node:cluster'];

const everyPart = ['oci', 'config', 'telemetry', 'store', 'upstream', 'mirror', 'clients', 'http', 'admin', 'cli'];

/** A part is a folder of `src`, or a file directly in it. */
export const parts: Readonly<Record<string, PartRule>> = {
  oci: { imports: [], types: [], forbiddenBuiltIns: [...files, ...sockets, ...processes, 'node:timers'] },
  config: { imports: ['oci'], types: [], forbiddenBuiltIns: [...processes, 'node:http', 'node:sqlite'] },
  telemetry: { imports: ['oci'], types: [], forbiddenBuiltIns: [...sockets, ...processes, 'node:sqlite'] },
  store: { imports: ['oci', 'telemetry'], types: [], forbiddenBuiltIns: sockets },
  upstream: { imports: ['oci', 'telemetry'], types: [], forbiddenBuiltIns: ['node:sqlite', ...processes] },
  mirror: {
    imports: ['oci', 'telemetry'],
    types: ['store', 'upstream'],
    forbiddenBuiltIns: [...files, ...sockets, ...processes],
  },
  clients: { imports: ['oci', 'config', 'telemetry'], types: [], forbiddenBuiltIns: ['node:sqlite'] },
  http: { imports: ['oci', 'telemetry', 'mirror'], types: [], forbiddenBuiltIns: [...files, ...processes] },
  admin: {
    imports: ['oci', 'telemetry', 'mirror'],
    types: ['store'],
    forbiddenBuiltIns: ['node:sqlite', ...processes],
  },
  cli: { imports: ['config', 'oci'], types: ['admin'], forbiddenBuiltIns: ['node:sqlite'] },
  ui: { imports: [], types: ['admin'], forbiddenBuiltIns: [...files, ...sockets, ...processes] },
  compose: { imports: everyPart, types: [], forbiddenBuiltIns: [] },
  runtime: { imports: [], types: [], forbiddenBuiltIns: [] },
  main: { imports: [...everyPart, 'compose', 'runtime'], types: [], forbiddenBuiltIns: [] },
};

/** Each library has one home. A package that is not listed may not be imported at all. */
export const homes: Readonly<Record<string, readonly string[]>> = {
  express: ['http', 'admin'],
  undici: ['upstream'],
  bcryptjs: ['clients'],
  'ipaddr.js': ['upstream', 'clients'],
  'lru-cache': ['store', 'clients'],
  'cache-manager': ['store'],
  keyv: ['store'],
  pino: ['telemetry'],
  'prom-client': ['telemetry'],
  yaml: ['config'],
  zod: ['config', 'admin'],
  commander: ['cli'],
  'cli-progress': ['cli'],
  preact: ['ui'],
  uplot: ['ui'],
};

export const mostLines = 300;
