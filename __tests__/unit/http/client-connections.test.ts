import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { ClientConnections } from '../../../src/http/client-connections.ts';

/** As far as connections are counted. Closed later than it is destroyed, as sockets are. */
class FakeSocket extends EventEmitter {
  readonly remoteAddress = '10.0.0.1';
  destroyed = false;

  destroy(): void {
    this.destroyed = true;
  }
}

function createSocket(): Socket {
  return new FakeSocket() as unknown as Socket;
}

function limitTo(limit: number) {
  let refusals = 0;
  const rule = { limitOf: () => limit, onRefused: () => (refusals += 1) };
  return { connections: new ClientConnections(rule), refusals: () => refusals };
}

describe('a client with as many connections as it may have', () => {
  test('loses the new one when all are busy', () => {
    const { connections, refusals } = limitTo(2);
    const sockets = [createSocket(), createSocket(), createSocket()];
    expect(sockets.map((socket) => connections.admit(socket, new Set()))).toEqual([true, true, false]);
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([false, false, true]);
    expect(refusals()).toBe(1);
  });

  test('loses one that is idle for a new one', () => {
    const { connections, refusals } = limitTo(2);
    const [busy, idle, third] = [createSocket(), createSocket(), createSocket()];
    for (const socket of [busy, idle]) connections.admit(socket, new Set());
    expect(connections.admit(third, new Set([idle]))).toBe(true);
    expect(idle.destroyed).toBe(true);
    expect(refusals()).toBe(0);
  });

  test('may have a new one for one that is gone and has not closed yet, idle or not', () => {
    for (const wasIdle of [true, false]) {
      const { connections, refusals } = limitTo(2);
      const [busy, ending, third] = [createSocket(), createSocket(), createSocket()];
      for (const socket of [busy, ending]) connections.admit(socket, new Set());
      ending.destroy();
      expect(connections.admit(third, new Set(wasIdle ? [ending] : []))).toBe(true);
      ending.emit('close');
      expect(connections.admit(createSocket(), new Set())).toBe(false);
      expect(refusals()).toBe(1);
    }
  });
});
