import { expect } from '@jest/globals';
import { jsonOf, type Pulled } from './raw-client.ts';

/** A complete 200 with exactly these bytes. */
export function expectWhole(pulled: Pulled, content: { readonly digest: string; readonly sizeBytes: number }): void {
  expect(pulled).toMatchObject({ status: 200, isComplete: true, bytes: content.sizeBytes, digest: content.digest });
  expect(pulled.headers['content-length']).toBe(String(content.sizeBytes));
}

/** An error as the distribution specification writes it, without a word of the upstream's own. */
export function expectError(pulled: Pulled, status: number, code: string): void {
  const { errors } = jsonOf(pulled) as { errors?: readonly { readonly code: string; readonly message: string }[] };
  expect({ status: pulled.status, code: errors?.[0]?.code, isComplete: pulled.isComplete }).toEqual({
    status,
    code,
    isComplete: true,
  });
  expect(pulled.headers['content-type']).toBe('application/json');
  expect(pulled.headers['www-authenticate']).toBeUndefined();
  expect(pulled.body.toString()).not.toContain('text of the scripted upstream');
}
