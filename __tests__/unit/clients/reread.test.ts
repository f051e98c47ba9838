import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { openReread, type Reread } from '../../../src/clients/reread.ts';
import { systemClock } from '../../../src/telemetry/clock.ts';
import { createHealth } from '../../../src/telemetry/health.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { pollUntil } from '../../support/signal.ts';

const ends: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function setUp(...texts: readonly string[]) {
  const directory = await mkdtemp(join(tmpdir(), 'stowage-reread-'));
  ends.push(() => rm(directory, { recursive: true }));
  const files = texts.map((_text, index) => join(directory, `file${index}`));
  const write = async (index: number, text: string): Promise<void> => {
    await writeFile(`${files[index]}.new`, text);
    await rename(`${files[index]}.new`, files[index] ?? '');
  };
  for (const [index, text] of texts.entries()) await write(index, text);
  const health = createHealth();
  const errors: object[] = [];
  const open = async (): Promise<Reread<string>> => {
    const reread = await openReread({
      clock: systemClock,
      log: { ...silentLog, error: (fields) => void errors.push(fields) },
      health,
      key: 'clients.accounts.file',
      files,
      parse(contents) {
        const parts = contents.map((content) => content.toString());
        if (new Set(parts).size > 1) throw new Error('the files do not fit');
        if (parts[0] === 'bad') throw new Error('line 1: bad');
        return parts.join();
      },
    });
    ends.push(() => reread.close());
    return reread;
  };
  return { files, write, health, errors, open };
}

test('what is bad at first is an error', async () => {
  const { open } = await setUp('bad');
  await expect(open()).rejects.toThrow('line 1: bad');
});

test('what changes counts, and is told', async () => {
  const { open, write } = await setUp('one');
  const reread = await open();
  let changes = 0;
  reread.onChange(() => (changes += 1));
  await write(0, 'two');
  await pollUntil(() => reread.current === 'two');
  expect(changes).toBe(1);
});

test('what becomes bad changes nothing, and is told until it is good again', async () => {
  const { open, write, health, errors } = await setUp('one');
  const reread = await open();
  await write(0, 'bad');
  await pollUntil(() => health.degraded.length > 0);
  expect(reread.current).toBe('one');
  expect(health.degraded[0]?.reason).toBe(
    'clients.accounts.file cannot be used (line 1: bad); what was there before holds',
  );
  expect(errors).toHaveLength(1);
  await write(0, 'one');
  await pollUntil(() => health.degraded.length === 0);
  await write(0, 'three');
  await pollUntil(() => reread.current === 'three');
});

test('a file that is gone changes nothing, and is told', async () => {
  const { files, open, health } = await setUp('one');
  const reread = await open();
  await rm(files[0] ?? '');
  await pollUntil(() => health.degraded.length > 0);
  expect(health.degraded[0]?.reason).toContain('no such file');
  expect(reread.current).toBe('one');
});

test('files that are replaced one after the other are not called bad in between', async () => {
  const { open, write, errors } = await setUp('one', 'one');
  const reread = await open();
  await write(0, 'two');
  await write(1, 'two');
  await pollUntil(() => reread.current === 'two,two');
  expect(errors).toHaveLength(0);
});
