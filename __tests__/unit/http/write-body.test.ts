import { afterEach, describe, expect, test } from '@jest/globals';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { TurnBudget } from '../../../src/http/turn-budget.ts';
import { writeBody, type WriteBodyOptions } from '../../../src/http/write-body.ts';
import { createSignal } from '../../support/signal.ts';
import { startPull, type Pull, type PullOptions } from '../../support/raw-client.ts';
import { createChunkReader, createLedger, type Ledger, type Step } from './fake-mirror.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';

interface Scene {
  readonly ledger: Ledger;
  readonly clock: ManualClock;
  readonly client: Pull;
  readonly response: ServerResponse;
  /** What `writeBody` came to: `done`, or the message of what it threw. */
  readonly outcome: Promise<string>;
  readonly sent: () => number;
  untilSent(bytes: number): Promise<void>;
}

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
  server = undefined;
});

/** A server whose one answer is the body of these steps. */
async function play(
  steps: readonly Step[],
  options: Partial<WriteBodyOptions> = {},
  pullOptions: PullOptions = {},
  before: (response: ServerResponse, client: Pull) => Promise<void> = async () => {},
): Promise<Scene> {
  const ledger = createLedger();
  const clock = createManualClock();
  const changed = createSignal();
  const begun = Promise.withResolvers<ServerResponse>();
  const outcome = Promise.withResolvers<string>();
  let sent = 0;
  server = createServer((_request, response) => {
    void (async () => {
      await before(response, client);
      begun.resolve(response);
      const { sizeBytes } = options;
      response.strictContentLength = true;
      if (sizeBytes !== undefined) response.setHeader('Content-Length', String(sizeBytes));
      const reader = createChunkReader(steps, ledger);
      await writeBody(response, reader, {
        clock,
        turns: new TurnBudget(),
        writeIdleMs: 120_000,
        headerDelayMs: 1_000,
        sizeBytes,
        onBytes: (count) => {
          sent += count;
          changed.raise();
        },
        ...options,
      });
    })().then(
      () => outcome.resolve('done'),
      (error: unknown) => outcome.resolve(error instanceof Error ? error.message : String(error)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = startPull(`http://127.0.0.1:${port}`, '/', pullOptions);
  const response = await begun.promise;
  return {
    ledger,
    clock,
    client,
    response,
    outcome: outcome.promise,
    sent: () => sent,
    untilSent: (bytes) => changed.until(() => sent >= bytes),
  };
}

function expectNothingHeld(scene: Scene): void {
  expect(scene.ledger).toMatchObject({ openBodies: 0, heldChunks: 0 });
  expect(scene.clock.pending).toBe(0);
  expect(scene.response.listenerCount('close')).toBeLessThanOrEqual(1);
}

const chunk = (size: number, value = 1) => Buffer.alloc(size, value);
/** More than the buffers of both sides of a loopback connection hold. */
const tooMuchBytes = 32 * 1024 * 1024;

describe('a body that is whole', () => {
  test('arrives in order although its buffers are reused as soon as they are released', async () => {
    const steps = Array.from({ length: 50 }, (_, index) => chunk(100_000, index));
    const expected = Buffer.concat(steps);
    const scene = await play(steps, { sizeBytes: expected.length }, { keepBody: true });
    const pulled = await scene.client.done;
    expect(pulled).toMatchObject({ status: 200, isComplete: true, bytes: expected.length });
    expect(pulled.body.equals(expected)).toBe(true);
    expect(await scene.outcome).toBe('done');
    expect(scene.sent()).toBe(expected.length);
    expectNothingHeld(scene);
  });

  test('of unknown size ends with the last chunk', async () => {
    const scene = await play([chunk(10), chunk(20)]);
    expect(await scene.client.done).toMatchObject({ isComplete: true, bytes: 30 });
    expectNothingHeld(scene);
  });

  test('of known size ends with its last bytes: nothing is read, or can go wrong, after them', async () => {
    const scene = await play([chunk(10), chunk(20), async () => Promise.reject(new Error('read on'))], {
      sizeBytes: 30,
    });
    const pulled = await scene.client.done;
    expect(pulled).toMatchObject({ isComplete: true, bytes: 30 });
    expect(await scene.outcome).toBe('done');
    expect(scene.response.writableFinished).toBe(true);
    expectNothingHeld(scene);
  });

  test('has been counted to its last byte when its response closes', async () => {
    const closed = Promise.withResolvers<number>();
    let counted = 0;
    const before = async (response: ServerResponse) => {
      response.once('close', () => closed.resolve(counted));
    };
    const onBytes = (count: number) => (counted += count);
    await play([chunk(1000), chunk(2000)], { sizeBytes: 3000, onBytes }, {}, before);
    expect(await closed.promise).toBe(3000);
  });

  test('holds one chunk at a time', async () => {
    const steps = Array.from({ length: tooMuchBytes / 65_536 }, () => chunk(65_536));
    let most = 0;
    const watched = steps.map((bytes) => async (ledger: Ledger) => {
      most = Math.max(most, ledger.heldChunks);
      return bytes;
    });
    const scene = await play(watched, { sizeBytes: tooMuchBytes });
    await scene.client.done;
    expect(most).toBeLessThanOrEqual(1);
    expectNothingHeld(scene);
  });
});

describe('a body that cannot be completed', () => {
  test('breaks the connection: never an end in order, never an error inside the body', async () => {
    const scene = await play([chunk(1000), async () => Promise.reject(new Error('upstream broke'))], {
      sizeBytes: 5000,
    });
    expect(await scene.client.done).toMatchObject({ status: 200, isComplete: false });
    expect(await scene.outcome).toBe('upstream broke');
    expectNothingHeld(scene);
  });

  test('breaks the connection also when it is chunked', async () => {
    const scene = await play([chunk(1000), async () => Promise.reject(new Error('upstream broke'))]);
    expect(await scene.client.done).toMatchObject({ isComplete: false });
    expectNothingHeld(scene);
  });

  test('that fails before its first byte leaves the headers to an error answer', async () => {
    const scene = await play([async () => Promise.reject(new Error('upstream broke'))], { sizeBytes: 5000 });
    expect(await scene.outcome).toBe('upstream broke');
    expect(scene.response.headersSent).toBe(false);
    expect(scene.response.destroyed).toBe(false);
    expectNothingHeld(scene);
    scene.client.abort();
  });

  test('is broken off when it is shorter or longer than announced', async () => {
    for (const steps of [[chunk(999)], [chunk(500), chunk(501)]]) {
      const scene = await play(steps, { sizeBytes: 1000 });
      expect(await scene.client.done).toMatchObject({ status: 200, isComplete: false });
      expect(await scene.outcome).toMatch(/not as long/);
      expectNothingHeld(scene);
      server?.close();
    }
  });
});

describe('headers', () => {
  test('go out after a while when the first bytes are late', async () => {
    const late = Promise.withResolvers<Buffer>();
    const asked = Promise.withResolvers<undefined>();
    const step = async () => {
      asked.resolve(undefined);
      return late.promise;
    };
    const scene = await play([step], { sizeBytes: 10 });
    await asked.promise;
    expect(scene.response.headersSent).toBe(false);
    scene.clock.advance(999);
    expect(scene.response.headersSent).toBe(false);
    scene.clock.advance(1);
    expect(await scene.client.status).toBe(200);
    late.resolve(chunk(10));
    expect(await scene.client.done).toMatchObject({ isComplete: true, bytes: 10 });
    expectNothingHeld(scene);
  });
});

describe('a client', () => {
  test('that leaves ends the read that waits for more', async () => {
    const waiting = Promise.withResolvers<undefined>();
    const steps: Step[] = [
      chunk(1000),
      async () => {
        waiting.resolve(undefined);
        return new Promise<undefined>(() => {});
      },
    ];
    const scene = await play(steps, { sizeBytes: 5000 });
    await waiting.promise;
    scene.client.abort();
    expect(await scene.outcome).toBe('done');
    expect(scene.response.writableFinished).toBe(false);
    expectNothingHeld(scene);
  });

  test('that leaves while bytes wait for it frees them', async () => {
    const scene = await play([chunk(tooMuchBytes), chunk(10)], { sizeBytes: tooMuchBytes + 10 }, { neverReads: true });
    await scene.client.status;
    scene.client.abort();
    expect(await scene.outcome).toBe('done');
    expectNothingHeld(scene);
  });

  test('that has left before the start leaks nothing', async () => {
    const scene = await play([chunk(10)], { sizeBytes: 10 }, {}, async (response, client) => {
      const closed = once(response, 'close');
      client.abort();
      await closed;
    });
    expect(await scene.outcome).toBe('done');
    expectNothingHeld(scene);
  });

  test('that never reads is dropped once nothing has moved for the idle limit', async () => {
    const scene = await play([chunk(tooMuchBytes)], { sizeBytes: tooMuchBytes }, { neverReads: true });
    await scene.client.status;
    // What the buffers on the way take counts as progress, so the limit begins when they are full.
    let before = -1;
    while (before !== scene.sent()) {
      before = scene.sent();
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    scene.clock.advance(119_999);
    expect(scene.response.destroyed).toBe(false);
    scene.clock.advance(120_001);
    expect(scene.response.destroyed).toBe(true);
    expect(await scene.outcome).toBe('done');
    expectNothingHeld(scene);
    // It does not read the end of the connection either.
    scene.client.abort();
  });

  test('that reads slowly is kept, and so is one that waits for bytes', async () => {
    const late = Promise.withResolvers<Buffer>();
    const scene = await play([chunk(1000), async () => late.promise], { sizeBytes: 2000 });
    await scene.untilSent(1000);
    scene.clock.advance(1_000_000);
    expect(scene.response.destroyed).toBe(false);
    late.resolve(chunk(1000));
    expect(await scene.client.done).toMatchObject({ isComplete: true, bytes: 2000 });
    expectNothingHeld(scene);
  });
});
