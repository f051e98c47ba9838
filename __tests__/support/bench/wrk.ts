import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../e2e/support/tools.ts';
import { acceptHeader } from './client-jobs.ts';

export interface WrkOptions {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** Where its script may lie. */
  readonly directory: string;
}

export interface WrkOutcome {
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly bytes: number;
}

/** wrk's own report rounds; the script runs once, when all is over, and costs nothing meanwhile. */
const script = `
done = function(summary)
  local e = summary.errors
  io.write(string.format('{"bytes":%d,"requests":%d,"micros":%d,"failures":%d}\\n',
    summary.bytes, summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout))
end
`;

/** One thread of wrk on one URL. @throws Error when anything but answers with status 200 came */
export async function runWrk({ url, connections, seconds, directory }: WrkOptions): Promise<WrkOutcome> {
  const scriptPath = join(directory, 'wrk.lua');
  writeFileSync(scriptPath, script);
  const words = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '60s', '-s', scriptPath];
  const output = await run('wrk', [...words, '-H', `Accept: ${acceptHeader}`, url]);
  const { bytes, requests, micros, failures } = JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as {
    readonly bytes: number;
    readonly requests: number;
    readonly micros: number;
    readonly failures: number;
  };
  if (failures > 0) throw new Error(`wrk saw ${failures} failures at ${url}`);
  return { requestsPerSecond: (requests / micros) * 1e6, bytesPerSecond: (bytes / micros) * 1e6, bytes };
}
