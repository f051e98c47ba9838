import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { pollUntil } from './signal.ts';

const backlog = 1;

export interface BlackHole {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * An address at which connections are neither taken nor refused, as behind a firewall that drops: a listener that is
 * suspended, its queue full, so that the kernel drops whatever else comes.
 */
export async function startBlackHole(host: string, port = 0): Promise<BlackHole> {
  const program = `const server = require('node:net').createServer().listen(
    { host: ${JSON.stringify(host)}, port: ${port}, backlog: ${backlog} }, () => console.log(server.address().port));`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  child.kill('SIGSTOP');
  await pollUntil(() => isStopped(child));
  const bound = Number(String(line));
  const fillers: Socket[] = [];
  // The kernel takes one more than the backlog says.
  for (let count = 0; count <= backlog; count += 1) {
    const filler = connect({ host, port: bound });
    fillers.push(filler);
    await once(filler, 'connect');
  }
  return {
    port: bound,
    async close() {
      for (const filler of fillers) filler.on('error', () => {}).destroy();
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

async function isStopped({ pid }: ChildProcess): Promise<boolean> {
  return / T /.test(await readFile(`/proc/${pid}/stat`, 'utf8'));
}
