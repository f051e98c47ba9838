import { isDigest } from '../oci/digest.ts';
import { MirrorError } from '../oci/errors.ts';
import type { Pin } from '../oci/pin.ts';
import { dockerHub } from './docker-hub.ts';
import { isRegistryHost } from './units.ts';

export const pinExpectation =
  'an image or a digest, as in alpine:3.20, ghcr.io/org/*, ghcr.io/org/app:v* or sha256:…, in which * stands for anything';

/** A pin as it is written: `host` is undefined where the default upstream is meant. */
export type WrittenPin =
  Extract<Pin, { type: 'digest' }> | (Omit<Extract<Pin, { type: 'image' }>, 'upstream'> & { readonly host?: string });

/** `[HOST/]REPOSITORY[:TAG]`, or a digest, also behind a repository and `@`. Undefined for anything else. */
export function findPin(text: string): WrittenPin | undefined {
  const digest = text.slice(text.indexOf('@') + 1);
  if (isDigest(digest)) return { type: 'digest', digest };
  // A digit too few must not make it an image of this name.
  if (/^sha(?:256|512):/.test(text)) return undefined;
  const [, name = '', tag] = /^([a-z0-9._:/*-]+?)(?::([A-Za-z0-9_.*-]{1,128}))?$/.exec(text) ?? [];
  const [first = '', ...others] = name.split('/');
  const hasHost = others.length > 0 && isRegistryHost(first);
  const repository = hasHost ? others.join('/') : name;
  if (repository === '' || repository.includes(':') || /^\/|\/\/|\/$/.test(repository)) return undefined;
  return { type: 'image', ...(hasHost && { host: first }), repository, tag };
}

interface NamedUpstream {
  readonly name: string;
  readonly aliases: readonly string[];
}

/** Undefined when its host is on no upstream. Docker Hub's short names are spelled out. */
export function resolvePin(
  pin: WrittenPin,
  upstreams: readonly NamedUpstream[],
  defaultName: string | undefined,
): Pin | undefined {
  if (pin.type === 'digest') return pin;
  const { host = defaultName, repository, tag } = pin;
  const upstream = upstreams.find(({ name, aliases }) => host !== undefined && [name, ...aliases].includes(host))?.name;
  if (upstream === undefined) return undefined;
  const isShort = upstream === dockerHub.name && /^[^/*]+$/.test(repository);
  return { type: 'image', upstream, repository: isShort ? `library/${repository}` : repository, tag };
}

/** A pin that an operator writes. @throws MirrorError `name-invalid` */
export function parsePin(text: string, upstreams: readonly (NamedUpstream & { readonly isDefault: boolean })[]): Pin {
  const written = findPin(text);
  const pin = written && resolvePin(written, upstreams, upstreams.find(({ isDefault }) => isDefault)?.name);
  if (pin !== undefined) return pin;
  const shown = JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
  const reason = written === undefined ? `expected ${pinExpectation}` : 'its host is not among the upstreams';
  throw new MirrorError({ kind: 'name-invalid', message: `${shown} is no pin: ${reason}` });
}
