// Test content: bytes that are known by name and made when they are needed, so that a gigabyte costs no memory.
import { createCipheriv, createHash } from 'node:crypto';

/** Bytes with a digest, readable from any offset. */
export interface Content {
  readonly sizeBytes: number;
  readonly digest: string;
  /** A fresh buffer with the bytes from `start` to `end` (not included). */
  read(start: number, end: number): Buffer;
}

const hashStepBytes = 1024 * 1024;

/** Content that is held in memory. */
export function createContent(bytes: Uint8Array | string, algorithm: 'sha256' | 'sha512' = 'sha256'): Content {
  const held = Buffer.from(bytes as Uint8Array);
  return {
    sizeBytes: held.length,
    digest: `${algorithm}:${createHash(algorithm).update(held).digest('hex')}`,
    read: (start, end) => Buffer.from(held.subarray(start, end)),
  };
}

/**
 * Content made from a seed: the key stream of AES-128-CTR, whose counter gives access at any offset.
 * The same seed and size are the same bytes in every process; no two 16-byte blocks are alike.
 */
export function createSeededContent(seed: string, sizeBytes: number): Content {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16);
  const read = (start: number, end: number): Buffer => readKeyStream(key, start, Math.min(end, sizeBytes));
  let digest: string | undefined;
  return {
    sizeBytes,
    get digest() {
      return (digest ??= hashAll(sizeBytes, read));
    },
    read,
  };
}

function readKeyStream(key: Buffer, start: number, end: number): Buffer {
  if (end <= start) return Buffer.alloc(0);
  const skip = start % 16;
  const counter = Buffer.alloc(16);
  counter.writeBigUInt64BE(BigInt((start - skip) / 16), 8);
  const cipher = createCipheriv('aes-128-ctr', key, counter);
  return cipher.update(Buffer.alloc(skip + end - start)).subarray(skip);
}

function hashAll(sizeBytes: number, read: Content['read']): string {
  const hash = createHash('sha256');
  for (let at = 0; at < sizeBytes; at += hashStepBytes) hash.update(read(at, Math.min(at + hashStepBytes, sizeBytes)));
  return `sha256:${hash.digest('hex')}`;
}
