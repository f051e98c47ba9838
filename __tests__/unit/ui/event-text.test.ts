import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createEventParser, type Message } from '../../../src/ui/api/event-text.ts';

describe('the parser of server-sent events', () => {
  test('gives messages with type and data, and nothing for comments', () => {
    const parse = createEventParser();
    expect(parse(': hello\n\nevent: fills\ndata: {"a":1}\n\ndata:x\ndata: y\n\n')).toEqual([
      { type: 'fills', data: '{"a":1}' },
      { type: 'message', data: 'x\ny' },
    ]);
  });

  test('ends lines where the protocol does, not where Unicode does', () => {
    expect(createEventParser()('event: a\ndata: x\u2028y: z\u2029\n\n')).toEqual([
      { type: 'a', data: 'x\u2028y: z\u2029' },
    ]);
  });

  test('gives nothing before a message is whole', () => {
    const parse = createEventParser();
    expect([parse('event: a\nda'), parse('ta: 1\n'), parse('\n')]).toEqual([[], [], [{ type: 'a', data: '1' }]]);
  });

  test('gives the same however the text is cut, with any kind of line end', () => {
    const end = fc.constantFrom('\n', '\r\n', '\r');
    const cuts = fc.array(fc.nat(60), { maxLength: 8 });
    fc.assert(
      fc.property(end, cuts, (newline, at) => {
        const text = ['event: a', 'data: 1', '', ': still here', '', 'data: 2', 'data: 3', '', ''].join(newline);
        const places = [0, ...at.toSorted((a, b) => a - b), text.length];
        const parse = createEventParser();
        const messages: Message[] = places.slice(1).flatMap((place, index) => parse(text.slice(places[index], place)));
        // A lone carriage return at the end may be half of a line end: what follows decides.
        messages.push(...parse(newline === '\r' ? ':\n' : ''));
        expect(messages).toEqual([
          { type: 'a', data: '1' },
          { type: 'message', data: '2\n3' },
        ]);
      }),
    );
  });
});
