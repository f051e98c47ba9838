import type { FileHandle } from 'node:fs/promises';
import { nodeFileSystem, type FileSystem } from '../../../src/store/file-system.ts';

/** Calls that can be made to fail; those of handles begin with `handle.`. */
export const faultyCalls = [
  'open',
  'mkdir',
  'rename',
  'unlink',
  'readdir',
  'lstat',
  'writeFile',
  'handle.write',
  'handle.read',
  'handle.sync',
  'handle.truncate',
  'handle.stat',
] as const;
export type FaultyCall = (typeof faultyCalls)[number];

/** A file system that does what Node's does, but for the next calls that the test names. */
export class FaultyFileSystem {
  readonly fs: FileSystem = { ...nodeFileSystem };
  /** Calls that failed, in order. */
  readonly failed: FaultyCall[] = [];
  #fault: { readonly call: FaultyCall; readonly code: string; left: number; skipped: number } | undefined;

  constructor() {
    for (const name of ['mkdir', 'rename', 'unlink', 'readdir', 'lstat', 'writeFile'] as const) {
      this.#replace(this.fs, name, name);
    }
    this.fs.open = async (...args) => {
      this.#passOrThrow('open');
      const handle = await nodeFileSystem.open(...args);
      for (const name of ['write', 'read', 'sync', 'truncate', 'stat'] as const) {
        this.#replace(handle, name, `handle.${name}`);
      }
      return handle;
    };
  }

  /** The call of this name fails once, after it has succeeded `skipped` times. */
  failNext(call: FaultyCall, code: string, skipped = 0): void {
    this.#fault = { call, code, left: 1, skipped };
  }

  /** Nothing fails any more. True when the fault had not come about. */
  clear(): boolean {
    const isUnused = this.#fault !== undefined && this.#fault.left > 0;
    this.#fault = undefined;
    return isUnused;
  }

  #replace<T extends FileSystem | FileHandle>(target: T, name: keyof T, call: FaultyCall): void {
    const real = target[name] as (...args: unknown[]) => Promise<unknown>;
    const faulty = async (...args: unknown[]): Promise<unknown> => {
      this.#passOrThrow(call);
      return await real.apply(target, args);
    };
    Object.assign(target, { [name]: faulty });
  }

  #passOrThrow(call: FaultyCall): void {
    const fault = this.#fault;
    if (fault?.call !== call || fault.left === 0) return;
    if (fault.skipped > 0) {
      fault.skipped -= 1;
      return;
    }
    fault.left -= 1;
    this.failed.push(call);
    throw Object.assign(new Error(`${fault.code}: ${call}`), { code: fault.code });
  }
}
