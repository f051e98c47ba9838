import { beforeEach, describe, expect, test } from '@jest/globals';
import { Crowd } from '../../../src/upstream/crowd.ts';
import { createGate, type Gate } from '../../support/gate.ts';

const manifest = { kind: 'manifest', method: 'HEAD' } as const;
const blobSize = { kind: 'blob', method: 'HEAD' } as const;

let crowd: Crowd;
let gate: Gate;
beforeEach(() => {
  crowd = new Crowd('registry.test');
  gate = createGate();
});

/** A thousand questions that wait for the gate. */
const fill = (question: Parameters<Crowd['run']>[0]) =>
  Array.from({ length: 1000 }, () => crowd.run(question, () => gate.pass()));

describe('a crowd of questions', () => {
  test('takes a thousand, and no more before one of them has ended', async () => {
    const waiting = fill(manifest);
    const overloaded = { kind: 'overloaded', retryAfterMs: 5_000, isFinal: false };
    await expect(crowd.run(manifest, () => gate.pass())).rejects.toMatchObject(overloaded);
    await expect(crowd.run({ kind: 'list', method: 'GET' }, () => gate.pass())).rejects.toMatchObject(overloaded);
    gate.open();
    await Promise.all(waiting);
    await expect(crowd.run(manifest, async () => await Promise.resolve('an answer'))).resolves.toBe('an answer');
  });

  test('about blobs leaves room for manifests, and bytes of blobs need none', async () => {
    const waiting = fill(blobSize);
    await expect(crowd.run(blobSize, () => gate.pass())).rejects.toMatchObject({ kind: 'overloaded' });
    const others = [manifest, { kind: 'blob', method: 'GET' }] as const;
    for (const other of others) await crowd.run(other, async () => await Promise.resolve());
    gate.open();
    await Promise.all(waiting);
  });

  test('keeps no place for what has failed', async () => {
    const failures = Array.from({ length: 1000 }, () => crowd.run(manifest, () => Promise.reject(new Error('ill'))));
    await Promise.allSettled(failures);
    await expect(crowd.run(manifest, async () => await Promise.resolve('an answer'))).resolves.toBe('an answer');
  });
});
