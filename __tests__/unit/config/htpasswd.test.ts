import { describe, expect, test } from '@jest/globals';
import { hashSync } from 'bcryptjs';
import { parseHtpasswd } from '../../../src/config/htpasswd.ts';

const hash = hashSync('wonderland', 4);

describe('an htpasswd file', () => {
  test('may have comments, empty lines and Windows line ends', () => {
    const text = `# who may pull\r\n\r\nalice:${hash}\r\nbob:${hash.replace('$2b$', '$2y$')}`;
    expect([...parseHtpasswd(text).hashes.keys()]).toEqual(['alice', 'bob']);
  });

  test('has the cost of its most costly hash', () => {
    expect(parseHtpasswd(`a:${hash}\nb:${hashSync('x', 6)}\nc:${hash}\n`).cost).toBe(6);
  });

  test.each<[string, string, string]>([
    ['nothing in it', '\n# nobody\n', 'expected at least one line NAME:HASH'],
    ['MD5', `alice:${hash}\nbob:$apr1$abcdefgh$0123456789012345678901`, 'line 2: expected a bcrypt hash'],
    ['SHA-1', 'bob:{SHA}5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8', 'line 1: expected a bcrypt hash'],
    ['crypt', 'bob:rqXexS6ZhobKA', 'line 1: expected a bcrypt hash'],
    ['a password', 'bob:hunter2', 'line 1: expected a bcrypt hash'],
    ['a hash that is cut', `bob:${hash.slice(0, -1)}`, 'line 1: expected a bcrypt hash'],
    ['an old bcrypt', `bob:${hash.replace('$2b$', '$2x$')}`, 'line 1: expected a bcrypt hash'],
    [
      'a cost nobody waits for',
      `bob:${hash.replace('$04$', '$15$')}`,
      'line 1: expected a bcrypt cost from 4 to 14, found 15',
    ],
    ['no colon', 'alice', 'line 1: expected NAME:HASH'],
    ['no name', `:${hash}`, 'line 1: expected NAME:HASH'],
    ['a name that is too long', `${'x'.repeat(256)}:${hash}`, 'line 1: expected a name of at most 255 bytes'],
    ['a name with a tab', `a\tb:${hash}`, 'line 1: expected a name without control characters'],
    ['a name twice', `\nbob:${hash}\nbob:${hash}`, 'line 3: expected a name that stands only once'],
  ])('with %s is refused, by line, and nothing of it is repeated', (_name, text, expected) => {
    let message = '';
    try {
      parseHtpasswd(text);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain(expected);
    expect(message).not.toMatch(/hunter2|apr1|SHA\}|rqX/);
  });
});
