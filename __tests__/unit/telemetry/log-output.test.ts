import { describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { createLogTime } from '../../../src/telemetry/log-time.ts';

const createLogUrl = new URL('../../../src/telemetry/create-log.js', import.meta.url).href;

/** Runs a program that has a log on its standard output; gives what came out. */
async function run(body: string, onOutput: (text: string, kill: () => void) => void = () => {}): Promise<string> {
  const program = `import { createLog } from ${JSON.stringify(createLogUrl)};\nconst log = createLog();\n${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    onOutput(text, () => child.kill('SIGKILL'));
  });
  await new Promise((resolve) => child.once('close', resolve));
  return text;
}

function messagesOf(text: string): readonly unknown[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => (JSON.parse(line) as { readonly msg: unknown }).msg);
}

describe('a log on standard output', () => {
  test('is whole and in order when the process exits', async () => {
    const text = await run(`for (let i = 0; i < 1000; i++) log.info({ i }, String(i)); process.exit(0);`);
    expect(messagesOf(text)).toEqual(Array.from({ length: 1000 }, (_, index) => String(index)));
  });

  test('does not keep a line back until there are more', async () => {
    // The process lives until its line has come out, and is then killed.
    const text = await run(`setInterval(() => {}, 1000); log.info({}, 'alone');`, (_text, kill) => kill());
    expect(messagesOf(text)).toEqual(['alone']);
  });

  test('has a warning at once, with what came before it', async () => {
    const text = await run(
      `log.info({}, 'before'); log.warn({}, 'warning'); setImmediate(() => log.info({}, 'after'));`,
    );
    expect(messagesOf(text)).toEqual(['before', 'warning', 'after']);
  });
});

test('the time of a line is that of its millisecond', () => {
  let nowMs = 0;
  const time = createLogTime(() => nowMs);
  expect(time()).toBe(',"time":"1970-01-01T00:00:00.000Z"');
  expect(time()).toBe(',"time":"1970-01-01T00:00:00.000Z"');
  nowMs = 1;
  expect(time()).toBe(',"time":"1970-01-01T00:00:00.001Z"');
});
