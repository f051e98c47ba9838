import { checkAdmin } from './admin-rules.ts';
import { checkClients, checkListenerTls } from './client-rules.ts';
import { dockerHub } from './docker-hub.ts';
import { findImage, imageExpectation } from './images.ts';
import { findPin } from './pins.ts';
import type { Finding } from './problem.ts';
import { defaultListen } from './schema.ts';
import { asList, asMap, asText, type Path } from './tree.ts';

/**
 * Rules between keys. They look at the unchecked tree, so that they are told together with whatever else
 * is wrong; what does not have its proper shape is the schema's to report and passes here.
 */
export function checkRules(tree: unknown): readonly Finding[] {
  const upstreams = asList(asMap(tree)['upstreams']).map(asMap);
  return [
    ...checkListeners(asMap(tree)),
    ...checkAdmin(asMap(tree)),
    ...checkListenerTls(asMap(asMap(tree)['tls']), ['tls']),
    ...checkListenerTls(asMap(asMap(asMap(tree)['admin'])['tls']), ['admin', 'tls']),
    ...checkClients(asMap(asMap(tree)['clients']), upstreams),
    ...checkHosts(upstreams),
    ...checkDefaults(upstreams),
    ...checkPins(asList(asMap(asMap(tree)['cache'])['pins']), upstreams),
    ...checkImages(asList(asMap(asMap(tree)['prefetch'])['images']), upstreams),
    ...upstreams.flatMap((upstream, index) => checkUpstream(upstream, ['upstreams', index])),
  ];
}

type Keys = Readonly<Record<string, unknown>>;

/** No two listeners on one address. */
function checkListeners(tree: Keys): readonly Finding[] {
  const places = [
    { path: ['listen'], value: tree['listen'] ?? defaultListen.mirror },
    { path: ['admin', 'listen'], value: asMap(tree['admin'])['listen'] ?? defaultListen.admin },
  ].flatMap(({ path, value }) =>
    Array.isArray(value)
      ? value.map((item: unknown, index): Entry => ({ path: [...path, index], text: asText(item) }))
      : [{ path, text: asText(value) }],
  );
  const fixed = places.filter(({ text }) => text !== undefined && !text.endsWith(':0'));
  return findRepeated(fixed, 'an address of its own');
}

/** Every name by which clients choose belongs to one upstream (design section 8). */
function checkHosts(upstreams: readonly Keys[]): readonly Finding[] {
  const entries = upstreams.flatMap((upstream, index): readonly Entry[] => {
    const path = ['upstreams', index];
    return [
      { path: [...path, 'name'], text: asText(upstream['name']) },
      ...aliasesOf(upstream).map((item, at) => ({
        path: [...path, 'aliases', at],
        text: asText(item),
      })),
      ...asList(upstream['virtualHosts']).map((item, at) => ({
        path: [...path, 'virtualHosts', at],
        text: asText(item),
      })),
    ];
  });
  return findRepeated(entries, 'a host that no other name, alias or virtual host has');
}

interface Entry {
  readonly path: Path;
  readonly text: string | undefined;
}

function findRepeated(entries: readonly Entry[], expected: string): readonly Finding[] {
  const seen = new Set<string>();
  return entries.flatMap(({ path, text }) => {
    if (text === undefined) return [];
    const isRepeated = seen.has(text);
    seen.add(text);
    return isRepeated ? [{ path, expected, found: `${text} again` }] : [];
  });
}

/** What is pinned can only have come from an upstream of the list. */
function checkPins(pins: readonly unknown[], upstreams: readonly Keys[]): readonly Finding[] {
  const hosts = upstreams.length === 0 ? [dockerHub.name, ...dockerHub.aliases] : upstreams.flatMap(hostsOf);
  return pins.flatMap((item, index) => {
    const pin = findPin(asText(item) ?? '');
    if (pin?.type !== 'image' || pin.host === undefined || hosts.includes(pin.host)) return [];
    return [{ path: ['cache', 'pins', index], expected: 'an image of one of the upstreams', found: pin.host }];
  });
}

/** What is prefetched can only come from an upstream of the list. */
function checkImages(images: readonly unknown[], upstreams: readonly Keys[]): readonly Finding[] {
  const listed = upstreams.length === 0 ? [{ name: dockerHub.name }] : upstreams;
  const named = listed.map((upstream) => ({ name: '', aliases: hostsOf(upstream), isDefault: false }));
  return images.flatMap((item, index) => {
    const text = asText(item);
    if (text === undefined || text.trim() === '' || findImage(text, named) !== undefined) return [];
    // What stands before an @ may be a login.
    const shown = text.includes('@') || text.length > 100 ? 'something else' : JSON.stringify(text);
    return [{ path: ['prefetch', 'images', index], expected: imageExpectation, found: shown }];
  });
}

function aliasesOf(upstream: Keys): readonly unknown[] {
  return asList(upstream['aliases'] ?? (upstream['name'] === dockerHub.name ? dockerHub.aliases : []));
}

function hostsOf(upstream: Keys): readonly string[] {
  return [upstream['name'], ...aliasesOf(upstream)].flatMap((name) => asText(name) ?? []);
}

function checkDefaults(upstreams: readonly Keys[]): readonly Finding[] {
  const marked = upstreams.flatMap((upstream, index) => (upstream['default'] === true ? [index] : []));
  return marked.slice(1).map((index) => ({
    path: ['upstreams', index, 'default'],
    expected: 'one default upstream',
    found: 'a second one',
  }));
}

function checkUpstream(upstream: Keys, path: Path): readonly Finding[] {
  const urls = asList(upstream['urls']).map(asMap);
  const places = [upstream, ...urls];
  const findings: Finding[] = [];
  if (upstream['urls'] === undefined) {
    findings.push(...checkLogin(upstream, path));
  } else {
    if (upstream['url'] !== undefined) findings.push({ path: [...path, 'url'], expected: 'either url or urls' });
    for (const key of ['username', 'passwordFile', 'passwordEnv', 'credentialHelper', 'authHosts']) {
      if (upstream[key] === undefined) continue;
      findings.push({ path: [...path, key], expected: 'the key within the entry of urls for which it holds' });
    }
  }
  findings.push(...urls.flatMap((entry, index) => checkLogin(entry, [...path, 'urls', index])));
  if (upstream['shareCredentials'] === true && !places.some(hasLogin)) {
    const expected = 'username or credentialHelper beside it, or false';
    findings.push({ path: [...path, 'shareCredentials'], expected });
  }
  findings.push(...checkAccess(upstream, path), ...checkPullRules(upstream, path));
  findings.push(
    ...asList(upstream['tags']).flatMap((entry, index) => checkPolicy(asMap(entry), [...path, 'tags', index])),
  );
  return [...findings, ...checkClientCertificate(asMap(upstream['tls']), [...path, 'tls'])];
}

/** What is shown because of the mirror's own login or certificate is not shown because of the caller's. */
function checkAccess(upstream: Keys, path: Path): readonly Finding[] {
  if (upstream['access'] !== 'passthrough') return [];
  const findings: Finding[] = [];
  if (upstream['shareCredentials'] === true) {
    const expected = 'false: access: passthrough shows callers what their own logins see';
    findings.push({ path: [...path, 'shareCredentials'], expected });
  }
  const tls = asMap(upstream['tls']);
  if (tls['certFile'] !== undefined || tls['keyFile'] !== undefined) {
    const expected =
      'access: shared where the mirror has a client certificate: upstream would let every caller in by it';
    findings.push({ path: [...path, 'access'], expected });
  }
  return findings;
}

/** A rule that names its upstream matches nothing: the names it is compared with do not. */
function checkPullRules(upstream: Keys, path: Path): readonly Finding[] {
  const starts = hostsOf(upstream).map((host) => `${host}/`);
  return ['allow', 'deny'].flatMap((key) =>
    asList(upstream[key]).flatMap((item, index) => {
      const start = starts.find((one) => asText(item)?.startsWith(one));
      if (start === undefined) return [];
      const expected = 'a repository without the name of its upstream';
      return [{ path: [...path, key, index], expected, found: `one that begins with ${start}` }];
    }),
  );
}

function checkPolicy(policy: Keys, path: Path): readonly Finding[] {
  const isImmutable = policy['immutable'] === true;
  if (isImmutable && policy['ttl'] !== undefined)
    return [{ path: [...path, 'ttl'], expected: 'either ttl or immutable: true' }];
  if (isImmutable || policy['ttl'] !== undefined) return [];
  return [{ path, expected: 'immutable: true or a ttl beside match' }];
}

function hasLogin(place: Keys): boolean {
  return place['username'] !== undefined || place['credentialHelper'] !== undefined;
}

function checkLogin(place: Keys, path: Path): readonly Finding[] {
  const others = ['username', 'passwordFile', 'passwordEnv'].filter((key) => place[key] !== undefined);
  if (place['credentialHelper'] !== undefined && others.length > 0) {
    return [{ path: [...path, 'credentialHelper'], expected: `either credentialHelper or ${others.join(' and ')}` }];
  }
  const sources = ['passwordFile', 'passwordEnv'].filter((key) => place[key] !== undefined);
  if (sources.length === 2) {
    return [{ path: [...path, 'passwordEnv'], expected: 'either passwordFile or passwordEnv' }];
  }
  const [source] = sources;
  if (place['username'] !== undefined && source === undefined) {
    return [{ path: [...path, 'username'], expected: 'passwordFile or passwordEnv beside it' }];
  }
  if (place['username'] === undefined && source !== undefined) {
    return [{ path: [...path, source], expected: 'username beside it' }];
  }
  return [];
}

function checkClientCertificate(tls: Keys, path: Path): readonly Finding[] {
  const given = ['certFile', 'keyFile'].filter((key) => tls[key] !== undefined);
  if (given.length !== 1) return [];
  const [key = ''] = given;
  return [{ path: [...path, key], expected: `${key === 'certFile' ? 'keyFile' : 'certFile'} beside it` }];
}
