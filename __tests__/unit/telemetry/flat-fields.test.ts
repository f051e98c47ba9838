import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createLog } from '../../../src/telemetry/create-log.ts';
import { createFlatFields } from '../../../src/telemetry/flat-fields.ts';

function record() {
  const lines: string[] = [];
  const log = createLog({ format: 'json', sink: { write: (line) => void lines.push(line) } });
  return { lines, log };
}

const withoutTime = (line: string | undefined): string | undefined => line?.replace(/,"time":"[^"]*"/, '');
/** Not plain, so that pino writes it. */
const forPino = (fields: object): object => Object.assign(Object.create(null) as object, fields);

const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    'https://x/?sig=abc',
    'Bearer abcdefghij',
    'a "quoted" \\ text\n',
    'https://me:secret@x/',
    'x'.repeat(9000),
  ),
);
const keys = fc.oneof(
  fc.stringMatching(/^[a-zA-Z_]{1,9}$/),
  fc.constantFrom('password', 'apiKey', 'tokens', 'status', 'userAgent', '7'),
);
const values = fc.oneof(texts, fc.double(), fc.integer(), fc.boolean(), fc.constant(undefined));
const flat = fc
  .dictionary(
    keys.filter((key) => !['__proto__', 'err', 'method', 'setHeader'].includes(key)),
    values,
  )
  .map((fields) => ({ ...fields }));

test('a line of flat fields is the one that pino writes, byte for byte', () => {
  const { lines, log } = record();
  fc.assert(
    fc.property(flat, texts, (fields, message) => {
      log.info(fields, message);
      log.info(forPino(fields), message);
      const [own, pinos] = lines.splice(0);
      expect(withoutTime(own)).toBe(withoutTime(pinos));
    }),
  );
});

test('what hides a secret hides it the second time too', () => {
  const { lines, log } = record();
  for (let time = 0; time < 2; time += 1) log.info({ password: 'planted', url: 'https://x/?token=planted' }, 'a line');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject(
    Array.from({ length: 2 }, () => ({ password: '[redacted]', url: 'https://x/?[redacted]' })),
  );
});

test('more keys and texts than are kept are all written', () => {
  const write = createFlatFields();
  for (let i = 0; i < 5000; i += 1) expect(write({ [`key${i}`]: `text${i}` })).toBe(`,"key${i}":"text${i}"`);
  expect(write({ key1: 'text1' })).toBe(',"key1":"text1"');
});

test.each([
  ['an error', { err: new Error('no') }],
  ['a list', { names: ['a'] }],
  ['null', { size: null }],
  ['a bigint', { size: 1n }],
  ['an error itself', new Error('no')],
  ['a list itself', ['a']],
  ['more fields than a line has', Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`k${i}`, i]))],
  ['a getter that throws', Object.defineProperty({}, 'bad', { enumerable: true, get: () => fail() })],
])('%s is not flat', (_name, fields) => {
  expect(createFlatFields()(fields)).toBeUndefined();
});

function fail(): never {
  throw new Error('unreadable');
}
