import { cpus, release, totalmem, type as systemName } from 'node:os';
import { run } from '../../e2e/support/tools.ts';

/** What was measured with, and where: `Figures of 2026-…: Node …; two cores of …`. */
export async function describeSetting(): Promise<string> {
  const [registry, nginx, wrk] = await Promise.all([
    readVersion('docker-registry --version'),
    readVersion('nginx -v'),
    readVersion('wrk -v'),
  ]);
  const cores = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const day = new Date().toISOString().slice(0, 10);
  return [
    `${day}, Node ${process.versions.node}, docker-registry ${registry}, nginx ${nginx}, wrk ${wrk}`,
    `${cores.length} cores (${cores[0]?.model.trim() ?? 'of an unknown kind'}), ${memory}, ${systemName()} ${release()}`,
  ].join('; ');
}

/** Some tell it on standard error, some with a status of 1. */
async function readVersion(command: string): Promise<string> {
  const output = await run('sh', ['-c', `${command} 2>&1 || true`]);
  return /\d+\.\d+\.\d+/.exec(output)?.[0] ?? 'of an unknown version';
}
