import { afterEach, describe, expect, test } from '@jest/globals';
import { createFakes } from './fake-api.ts';
import { run } from './run.ts';
import { sampleStatus } from './samples.ts';

const fakes = createFakes();
afterEach(fakes.end);

describe('status', () => {
  test('says in few lines how the mirror is', async () => {
    const api = await fakes.start(() => ({ body: sampleStatus }));
    const result = await run(['status', '--admin', api.url]);
    expect(result).toMatchObject({ status: 0, stderr: '' });
    expect(result.stdout).toBe(`mirror     ready, version 0.1.0, up 3 d, at ${api.url}
degraded   credentials of docker.io rejected
pull from  http://mirror.lan:5000
cache      12.3 GB of 53.7 GB, 22 % full
           1,234 objects, 1.2 GB pinned, 100 GB to spare on the disk
hits       93 % of 12,345 requests since 3 d ago
           1.2 TB served, 100 GB fetched: 1.1 TB saved, 91 %
fetching   2 fills, 5 readers
upstreams  docker.io  login rejected, 97 pulls of 100 left
           ghcr.io    paused
             https://cache.lan  away
             https://ghcr.io  paused, manifests rest for 30 s
config     /etc/stowage/mirror.config.yaml, loaded 3 d ago
           not taken: cache.tagTtl: expected a duration, found 5
`);
    expect(api.calls).toMatchObject([{ method: 'GET', target: '/api/v1/status' }]);
  });

  test('of a mirror that has just started has no ratios and no limits', async () => {
    const { cache, traffic } = sampleStatus;
    const body = {
      ...sampleStatus,
      isReady: false,
      degraded: [],
      cache: { ...cache, maxBytes: null, spareBytes: null },
      traffic: { ...traffic, requests: 0, hitRatio: null, byteHitRatio: null },
    };
    const api = await fakes.start(() => ({ body }));
    const { stdout } = await run(['status', '--admin', api.url]);
    expect(stdout).toContain('not ready, version');
    expect(stdout).not.toContain('degraded');
    expect(stdout).toContain('12.3 GB no limit\n           1,234 objects, 1.2 GB pinned\n');
    expect(stdout).toContain('0 requests since 3 d ago\n');
  });

  test('as JSON is the answer of the API, one document', async () => {
    const api = await fakes.start(() => ({ body: sampleStatus }));
    const { stdout } = await run(['status', '--json', '--admin', api.url]);
    expect(JSON.parse(stdout)).toEqual(sampleStatus);
    expect(stdout.trimEnd()).not.toContain('\n');
  });

  test('has colours on a terminal only, and none where NO_COLOR is set', async () => {
    const api = await fakes.start(() => ({ body: sampleStatus }));
    const terminal = { columns: 100, rows: 30 };
    const argv = ['status', '--admin', api.url];
    expect((await run(argv, { terminal })).stdout).toContain('\u001b[32mready\u001b[39m');
    expect((await run(argv, { terminal, env: { NO_COLOR: '1' } })).stdout).not.toContain('\u001b');
    expect((await run(argv, { terminal, env: { TERM: 'dumb' } })).stdout).not.toContain('\u001b');
  });

  test('writes no control characters that came from outside', async () => {
    const degraded = ['bad\u001b]0;title\u0007 \u009b31m \u202eword\nnext'];
    const api = await fakes.start(() => ({ body: { ...sampleStatus, degraded } }));
    const people = await run(['status', '--admin', api.url]);
    expect(people.stdout).toContain('degraded   bad\ufffd]0;title\ufffd \ufffd31m \ufffdword\ufffdnext\n');
    const programs = await run(['status', '--json', '--admin', api.url]);
    expect(programs.stdout.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(JSON.parse(programs.stdout)).toMatchObject({ degraded });
  });
});
