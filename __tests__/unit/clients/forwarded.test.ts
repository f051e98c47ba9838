import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { findForwardedClient, type ForwardingHeaders } from '../../../src/clients/forwarded.ts';

const trusted = ['10.0.0.1', '10.0.0.2'];
const find = (headers: ForwardingHeaders) => findForwardedClient(headers, '10.0.0.1', (it) => trusted.includes(it));

test.each<[string, ForwardingHeaders, string | undefined]>([
  ['nothing said: the proxy itself', {}, '10.0.0.1'],
  ['one address', { 'x-forwarded-for': '192.0.2.1' }, '192.0.2.1'],
  ['what the client wrote before it', { 'x-forwarded-for': '127.0.0.1, 192.0.2.1' }, '192.0.2.1'],
  ['a chain of proxies', { 'x-forwarded-for': '127.0.0.1, 192.0.2.1,10.0.0.2' }, '192.0.2.1'],
  ['proxies alone: the first', { 'x-forwarded-for': '10.0.0.2, 10.0.0.1' }, '10.0.0.2'],
  ['a port', { 'x-forwarded-for': '192.0.2.1:4711' }, '192.0.2.1'],
  ['IPv6', { 'x-forwarded-for': '2001:db8::1' }, '2001:db8::1'],
  ['IPv6 with a port', { 'x-forwarded-for': '[2001:db8::1]:80' }, '2001:db8::1'],
  ['no address', { 'x-forwarded-for': '192.0.2.1, unknown' }, undefined],
  ['no address before the client', { 'x-forwarded-for': 'unknown, 192.0.2.1' }, '192.0.2.1'],
  ['no address before proxies', { 'x-forwarded-for': 'unknown, 10.0.0.2' }, undefined],
  ['an empty one', { 'x-forwarded-for': '' }, undefined],
  ['an empty last one', { 'x-forwarded-for': '192.0.2.1,' }, undefined],
  ['Forwarded', { forwarded: 'for=127.0.0.1, for=192.0.2.1;proto=https;by=10.0.0.1' }, '192.0.2.1'],
  ['Forwarded in quotes', { forwarded: 'For="[2001:db8::17]:4711"' }, '2001:db8::17'],
  ['Forwarded with a comma in quotes', { forwarded: 'for=127.0.0.1;x="a, for=127.0.0.2";y=1' }, '127.0.0.1'],
  ['Forwarded with an escaped quote', { forwarded: 'x="\\", for=127.0.0.2", for=192.0.2.1' }, '192.0.2.1'],
  ['Forwarded without for', { forwarded: 'proto=https' }, undefined],
  ['Forwarded with two', { forwarded: 'for=192.0.2.1;for=192.0.2.2' }, undefined],
  ['Forwarded with a name', { forwarded: 'for=_hidden' }, undefined],
  ['both the same', { 'x-forwarded-for': '192.0.2.1', forwarded: 'for=192.0.2.1' }, '192.0.2.1'],
  ['a second header of the client', { 'x-forwarded-for': '192.0.2.1', forwarded: 'for=127.0.0.1' }, undefined],
])('%s', (_name, headers, expected) => {
  expect(find(headers)).toBe(expected);
});

test('whatever a client writes, what its proxy adds behind it decides', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(find({ 'x-forwarded-for': `${text}, 192.0.2.1` })).toBe('192.0.2.1');
    }),
  );
});

test('whatever stands in Forwarded, no error is thrown', () => {
  fc.assert(fc.property(fc.string(), (forwarded) => void find({ forwarded })));
});
