// Clients that send next to nothing must not be felt by those that pull.
import { connect, type Socket } from 'node:net';
import { pull } from '../raw-client.ts';
import { sleep, type Row } from './bench.ts';

const sockets = 500;
const everyMs = 10_000;
const requests = 2000;
const barMs = 50;

export const slowClientsRow: Row = {
  name: '500 sockets that send a header byte every 10 s',
  bar: `p99 of cached manifests < ${barMs} ms before and during`,
  async run(bench) {
    const upstream = await bench.upstream();
    await upstream.addImage('team/app', 'v1', ['a layer']);
    const { address } = await bench.mirror(upstream);
    const path = '/v2/team/app/manifests/v1';
    const before = await measure(address, path);
    const crowd = new SlowCrowd(address);
    bench.onEnd(async () => crowd.close());
    // All of them are there, and have been dropped and come again.
    await sleep(1.5 * everyMs);
    const during = await measure(address, path);
    const figures = `p99 ${before.toFixed(1)} ms before, ${during.toFixed(1)} ms during; ${crowd.opened} connections opened`;
    return { passes: before < barMs && during < barMs, figures };
  },
};

async function measure(address: string, path: string): Promise<number> {
  const times: number[] = [];
  for (let index = 0; index < requests; index += 1) {
    const { status, totalMs } = await pull(address, path);
    if (status !== 200) throw new Error(`the manifest was answered with ${status}`);
    times.push(totalMs);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;
}

/** So many at any time: who is dropped comes again. */
class SlowCrowd {
  readonly #address: URL;
  readonly #open = new Set<Socket>();
  readonly #timer: NodeJS.Timeout;
  opened = 0;

  constructor(address: string) {
    this.#address = new URL(address);
    for (let index = 0; index < sockets; index += 1) this.#connect();
    this.#timer = setInterval(() => {
      for (const socket of this.#open) socket.write('x');
    }, everyMs);
  }

  close(): void {
    clearInterval(this.#timer);
    const open = [...this.#open];
    this.#open.clear();
    for (const socket of open) socket.destroy();
  }

  #connect(): void {
    const socket = connect({ host: this.#address.hostname, port: Number(this.#address.port) });
    this.opened += 1;
    this.#open.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#open.delete(socket)) this.#connect();
    });
    socket.resume().write('G');
  }
}
