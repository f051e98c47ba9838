// Story: somebody guesses at the admin token, while its owner works on.
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ask } from '../support/admin-client.ts';
import { setStage } from '../support/flow.ts';
import { readMetric } from '../support/metrics.ts';
import { expectToFit } from '../support/openapi.ts';

const stage = setStage();
const path = '/api/v1/status';

async function setUp() {
  const env = {
    STOWAGE__ADMIN__TOKEN_FILE: 'admin-token',
    STOWAGE__ADMIN__CREATE_TOKEN: 'true',
    // For the oracle.
    STOWAGE__ADMIN__OPEN_METRICS: 'true',
  };
  const mirror = await stage.mirror(await stage.upstream(), {}, env);
  const token = (await readFile(join(dirname(mirror.cachePath), 'admin-token'), 'utf8')).trim();
  stage.plantSecret(token);
  stage.plantSecret('a-guess-of-the-token');
  const askWith = (text: string, from: string) =>
    ask(mirror.adminAddress, path, { headers: { authorization: `Bearer ${text}` }, from });
  /** Forty at once, each another one. */
  const guess = async (from: string) =>
    await Promise.all(Array.from({ length: 40 }, (_, index) => askWith(`a-guess-of-the-token-${index}`, from)));
  return { mirror, token, askWith, guess };
}

test('who guesses at the token is put off, the right one among the guesses; others work on', async () => {
  const { mirror, token, askWith, guess } = await setUp();
  const [guesser, stranger] = ['127.0.0.2', '127.0.0.3'];
  const answers = await guess(guesser);
  const wrong = answers.filter(({ status }) => status === 401);
  expect(wrong.length).toBeGreaterThanOrEqual(10);
  expect(wrong.length).toBeLessThanOrEqual(16);
  for (const answer of [...answers.filter((one) => !wrong.includes(one)), await askWith(token, guesser)]) {
    expect(answer.status).toBe(429);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expectToFit('/status', 'GET', answer.status, answer.json);
  }
  expect((await askWith(token, stranger)).status).toBe(200);
  expect((await askWith('a-guess-of-the-token', stranger)).status).toBe(401);
  // No guess: it is told that it needs a token.
  expect((await ask(mirror.adminAddress, path, { from: guesser })).status).toBe(401);
  expect((await ask(mirror.adminAddress, '/readyz', { from: guesser })).status).toBe(200);

  expect(await readMetric(mirror.adminAddress, 'stowage_refused_total', { reason: 'token' })).toBe(42);
  const lines = mirror.output.split('\n').filter((line) => line.includes('"msg":"audit"'));
  expect(lines).toHaveLength(11);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ reason: 'token', client: guesser, rule: 'admin.tokenFile' });
});

test('who came with the right token before is not shut out with a guesser of the same address', async () => {
  const { token, askWith, guess } = await setUp();
  const shared = '127.0.0.2';
  expect((await askWith(token, shared)).status).toBe(200);
  const answers = await guess(shared);
  expect(answers.some(({ status }) => status === 429)).toBe(true);
  expect((await askWith(token, shared)).status).toBe(200);
  expect((await askWith('a-guess-of-the-token', shared)).status).toBe(429);
});
