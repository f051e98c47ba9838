import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePort } from '../../support/free-port.ts';
import { answers, startDaemon } from './daemon.ts';
import { getTool } from './tools.ts';

/** A Prometheus that scrapes one mirror ten times a second. */
export interface Prometheus {
  /** Instant vector of a query: the labels and value of each series. Throws with what it says of a bad query. */
  query(expression: string): Promise<readonly Sample[]>;
  /** What it makes of its alert rules. */
  rules(): Promise<readonly Rule[]>;
  stop(): Promise<unknown>;
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

export interface Rule {
  readonly name: string;
  readonly health: string;
  readonly state: string;
}

export async function startPrometheus(directory: string, target: string, rulesFile: string): Promise<Prometheus> {
  mkdirSync(directory, { recursive: true });
  const address = `127.0.0.1:${await findFreePort()}`;
  const configPath = join(directory, 'prometheus.json');
  // JSON is YAML.
  const config = {
    global: { scrape_interval: '100ms', scrape_timeout: '100ms', evaluation_interval: '200ms' },
    rule_files: [rulesFile],
    scrape_configs: [{ job_name: 'stowage', static_configs: [{ targets: [target] }] }],
  };
  writeFileSync(configPath, JSON.stringify(config));
  const places = [`--storage.tsdb.path=${join(directory, 'data')}`, `--web.listen-address=${address}`];
  const daemon = await startDaemon({
    command: getTool('prometheus'),
    args: [`--config.file=${configPath}`, ...places, '--log.level=warn'],
    isReady: () => answers(`http://${address}/-/ready`),
  });
  const ask = async (path: string): Promise<unknown> => {
    const response = await fetch(`http://${address}/api/v1/${path}`);
    const { data, error } = (await response.json()) as { data?: unknown; error?: string };
    if (error !== undefined) throw new Error(error);
    return data;
  };
  return {
    async query(expression) {
      const data = (await ask(`query?query=${encodeURIComponent(expression)}`)) as { result: readonly Sample[] };
      return data.result;
    },
    async rules() {
      const data = (await ask('rules')) as { groups: readonly { rules: readonly Rule[] }[] };
      return data.groups.flatMap(({ rules }) => rules);
    },
    stop: daemon.stop,
  };
}
