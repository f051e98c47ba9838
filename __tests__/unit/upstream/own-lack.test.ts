import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { manifestDigest, manifestReply, tag } from './answers.ts';
import { createFixture, type Fixture } from './fixture.ts';

let fixture: Fixture;
/** What the next look-up fails with; undefined: it succeeds. */
let failure: Error | undefined;
const failWith = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code });

beforeEach(() => {
  fixture = createFixture({
    lookup: (_host, _options, callback) => {
      if (failure === undefined) callback(null, [{ address: '127.0.0.1', family: 4 }]);
      else callback(failure, []);
    },
  });
});
afterEach(async () => {
  await fixture.close();
});

const lacks: readonly (readonly [string, Error])[] = [
  ['no descriptor', failWith('EMFILE')],
  ['no descriptor on the whole machine', failWith('ENFILE')],
  ['no memory', failWith('ENOMEM')],
  ['no descriptor for any of several addresses', new AggregateError([failWith('ECONNREFUSED'), failWith('EMFILE')])],
  ['no descriptor, as a proxy tells it', new Error('the tunnel failed', { cause: failWith('EMFILE') })],
];

describe('a request for which the machine has', () => {
  test.each(lacks)('%s is answered with "come back soon", and upstream is not blamed', async (_what, error) => {
    const server = await fixture.serve(() => manifestReply);
    const upstream = fixture.open(`http://registry.test:${server.port}`, { egressAllow: ['127.0.0.1'] });
    failure = error;
    for (let n = 0; n < 20; n += 1) {
      await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({
        kind: 'overloaded',
        retryAfterMs: 2_000,
        isFinal: false,
        isAbsence: false,
      });
    }
    const [status] = upstream.status().urls;
    expect(status).toMatchObject({ pauses: [], breakers: [{ state: 'closed' }] });
    expect(new Set(fixture.requests.map(({ result }) => result))).toEqual(new Set(['overloaded']));
    failure = undefined;
    await expect(upstream.headManifest('a', tag)).resolves.toMatchObject({ digest: manifestDigest });
  });
});
