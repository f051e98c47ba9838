import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { blobDigest, blobReply } from './answers.ts';
import { createFixture, readAll, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = createFixture();
});
afterEach(async () => {
  await fixture.close();
});

test('a pull that has come through other mirrors names them all in Via', async () => {
  const registry = await fixture.serve(blobReply);
  const upstream = fixture.open(registry.url);
  const blob = await upstream.through(['stowage-one', 'stowage-two']).openBlob('a', blobDigest);
  await readAll(blob.body);
  await upstream.through([]).headBlob('a', blobDigest);
  expect(registry.requests.map(({ headers }) => headers['via'])).toEqual([
    '1.1 stowage-one, 1.1 stowage-two, 1.1 stowage-a1',
    '1.1 stowage-a1',
  ]);
});
