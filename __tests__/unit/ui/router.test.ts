import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { anyImage, formatRoute, parseRoute, type Route } from '../../../src/ui/router.ts';

function goTo(address: string): Route {
  const url = new URL(address, 'http://mirror');
  return parseRoute(url.pathname, url.search);
}

describe('the router', () => {
  test.each<[string, Route]>([
    ['/', { view: 'overview' }],
    ['/images', { view: 'images', query: anyImage }],
    ['/images/', { view: 'images', query: anyImage }],
    [
      '/images?search=alpine&upstream=ghcr.io&sort=size',
      { view: 'images', query: { search: 'alpine', upstream: 'ghcr.io', sort: 'size' } },
    ],
    ['/images?sort=nonsense', { view: 'images', query: anyImage }],
    ['/images/docker.io/library/alpine:3.20', { view: 'image', reference: 'docker.io/library/alpine:3.20' }],
    ['/images/docker.io/a@sha256:ab', { view: 'image', reference: 'docker.io/a@sha256:ab' }],
    ['/images/%E0%A4%A', { view: 'unknown', path: '/images/%E0%A4%A' }],
    ['/warm-up', { view: 'warm-up' }],
    ['/setup', { view: 'set-up' }],
    ['/elsewhere', { view: 'unknown', path: '/elsewhere' }],
  ])('finds the view of %s', (address, route) => expect(goTo(address)).toEqual(route));

  test('shows references in addresses as they read', () => {
    expect(formatRoute({ view: 'image', reference: 'docker.io/library/alpine:3.20' })).toBe(
      '/images/docker.io/library/alpine:3.20',
    );
  });

  test('finds any search and any reference again in the address that it made', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(text, text, (search, upstream) => {
        const route: Route = { view: 'images', query: { search, upstream, sort: 'hits' } };
        expect(goTo(formatRoute(route))).toEqual(route);
      }),
    );
    // A path loses dots and slashes at its end; no reference ends so.
    const reference = text.filter((given) => !/(^|\/)\.{0,2}(\/|$)/.test(given));
    fc.assert(
      fc.property(reference, (given) => {
        const route: Route = { view: 'image', reference: given };
        expect(goTo(formatRoute(route))).toEqual(route);
      }),
    );
  });
});
