import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findJournalState, formatJournal, readJournal } from '../../../src/store/journal.ts';
import { useDirectory } from './fixtures.ts';

describe('the journal of a partial file', () => {
  const directory = useDirectory();

  test('what was written is read back', () => {
    const gaps = fc.array(fc.tuple(fc.nat(1e9), fc.integer({ min: 1, max: 1e9 })), { maxLength: 50 });
    fc.assert(
      fc.property(gaps, fc.option(fc.nat(1000), { nil: undefined }), (list, slack) => {
        let end = 0;
        const spans = list.map(([gap, length]) => {
          const start = end + gap;
          end = start + length;
          return { start, end };
        });
        const state = { spans, sizeBytes: slack === undefined ? undefined : end + slack };
        expect(findJournalState(formatJournal(state))).toEqual(state);
      }),
    );
  });

  test('any other text says nothing, and throws nothing', () => {
    fc.assert(fc.property(fc.string(), (text) => findJournalState(text) === undefined));
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(findJournalState(text)).toBeUndefined();
      }),
    );
  });

  test.each([
    ['a cut record', '{"version":1,"sizeBytes":10,"spans":[[0,1'],
    ['another version', '{"version":2,"sizeBytes":10,"spans":[]}'],
    ['no spans', '{"version":1,"sizeBytes":10}'],
    ['a span backwards', '{"version":1,"sizeBytes":10,"spans":[[5,1]]}'],
    ['an empty span', '{"version":1,"sizeBytes":10,"spans":[[5,5]]}'],
    ['spans that overlap', '{"version":1,"sizeBytes":10,"spans":[[0,5],[4,8]]}'],
    ['a span behind the end', '{"version":1,"sizeBytes":10,"spans":[[0,11]]}'],
    ['a negative offset', '{"version":1,"sizeBytes":10,"spans":[[-1,5]]}'],
    ['a zero with a sign', '{"version":1,"sizeBytes":10,"spans":[[-0,5]]}'],
    ['a broken offset', '{"version":1,"sizeBytes":10,"spans":[[0.5,5]]}'],
    ['a size that is none', '{"version":1,"sizeBytes":"10","spans":[]}'],
    ['a huge offset', '{"version":1,"sizeBytes":null,"spans":[[0,1e300]]}'],
  ])('%s says nothing', (_name, text) => {
    expect(findJournalState(text)).toBeUndefined();
  });

  test('what is no readable file is no journal', async () => {
    const path = join(directory(), 'j.journal');
    expect(await readJournal(path)).toBeUndefined();
    await mkdir(join(directory(), 'dir.journal'));
    expect(await readJournal(join(directory(), 'dir.journal'))).toBeUndefined();
    await writeFile(path, formatJournal({ spans: [], sizeBytes: 1 }));
    expect(await readJournal(path)).toEqual({ spans: [], sizeBytes: 1 });
    await symlink(path, join(directory(), 'link.journal'));
    expect(await readJournal(join(directory(), 'link.journal'))).toBeUndefined();
    await writeFile(path, Buffer.alloc(5 * 1024 * 1024));
    expect(await readJournal(path)).toBeUndefined();
  });
});
