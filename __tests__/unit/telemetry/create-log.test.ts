import { describe, expect, test } from '@jest/globals';
import { createLog, type LogOptions } from '../../../src/telemetry/create-log.ts';

const planted = 'pl4nt3d-s3cr3t';

function record(options: Omit<LogOptions, 'sink'>) {
  const lines: string[] = [];
  return { lines, log: createLog({ ...options, sink: { write: (line) => void lines.push(line) } }) };
}

function parse(line: string | undefined): unknown {
  return JSON.parse(line ?? '');
}

describe('the log as JSON', () => {
  test('is one object a line: level in words, time, sentence, fields', () => {
    const { lines, log } = record({ format: 'json' });
    log.warn({ repository: 'o/r', bytes: 5 }, 'a sentence');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^[^\n]*\n$/);
    expect(parse(lines[0])).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      msg: 'a sentence',
      repository: 'o/r',
      bytes: 5,
    });
  });

  test('leaves out what is below its level', () => {
    const { lines, log } = record({ format: 'json', level: 'warn' });
    log.debug({}, 'a');
    log.info({}, 'b');
    log.warn({}, 'c');
    log.error({}, 'd');
    expect(lines).toHaveLength(2);
  });

  test('can be told to say more, and less', () => {
    const { lines, log } = record({ format: 'json', level: 'warn' });
    log.setLevel('debug');
    log.debug({}, 'a');
    log.setLevel('error');
    log.warn({}, 'b');
    expect(lines).toHaveLength(1);
  });

  test('shows errors wherever they are given, with their stack, without their requests', () => {
    const { lines, log } = record({ format: 'json' });
    const error = Object.assign(new Error(`https://x/?sig=${planted}`), {
      opts: { headers: { Authorization: planted } },
    });
    log.error({ err: error }, `failed: Bearer ${planted}`);
    log.error(error, 'failed');
    expect(lines.join('')).not.toContain(planted);
    for (const line of lines) {
      expect(parse(line)).toMatchObject({
        err: { type: 'Error', message: 'https://x/?[redacted]', stack: expect.stringContaining('create-log.test') },
      });
    }
  });

  test('keeps a line a line, whatever a client sends', () => {
    const { lines, log } = record({ format: 'json' });
    log.info({ userAgent: 'a\r\n{"level":"error"}\u2028\u001b[31m' }, 'x\ny');
    expect(lines[0]?.trimEnd()).not.toMatch(/\p{Cc}/u);
  });
});

describe('the log as text', () => {
  test('is readable, and keeps values apart', () => {
    const { lines, log } = record({ format: 'text' });
    log.info({ repository: 'o/r', status: 200, userAgent: 'docker/29 go', nothing: undefined }, 'request');
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} INFO {2}request repository=o\/r status=200 userAgent="docker\/29 go"\n$/,
    );
  });

  test('shows the stack of an error on lines of its own', () => {
    const { lines, log } = record({ format: 'text' });
    log.error({ err: new Error('broken') }, 'failed');
    expect(lines[0]).toMatch(/ERROR failed\n {4}Error: broken\n {8}at /);
  });

  test('lets nobody paint on the terminal or fake a line', () => {
    const { lines, log } = record({ format: 'text' });
    log.info({ userAgent: '\u001b[31m\n12:00:00.000 ERROR fake\u009b\u202e' }, 'a\u001b[2Jb\nc');
    expect(lines[0]?.trimEnd()).not.toMatch(/[\p{Cc}\u202e]/u);
  });

  test('masks as well', () => {
    const { lines, log } = record({ format: 'text' });
    log.info({ headers: { cookie: planted }, url: `https://x/?a=${planted}` }, `password=${planted}`);
    expect(lines[0]).not.toContain(planted);
  });
});
