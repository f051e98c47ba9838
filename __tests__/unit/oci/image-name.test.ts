import { describe, expect, test } from '@jest/globals';
import { isMirrorError } from '../../../src/oci/errors.ts';
import { formatImageName, parseImageName } from '../../../src/oci/image-name.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const upstreams = [
  { name: 'ghcr.io', aliases: [], isDefault: false },
  { name: 'docker.io', aliases: ['index.docker.io'], isDefault: true },
  { name: 'registry.lan:5000', aliases: [], isDefault: false },
];

describe('an image name', () => {
  test.each([
    ['alpine', 'docker.io/library/alpine:latest'],
    ['alpine:3.20', 'docker.io/library/alpine:3.20'],
    ['org/app:v1', 'docker.io/org/app:v1'],
    ['docker.io/alpine', 'docker.io/library/alpine:latest'],
    ['Index.Docker.io/alpine', 'docker.io/library/alpine:latest'],
    ['ghcr.io/org/app', 'ghcr.io/org/app:latest'],
    ['registry.lan:5000/app:v1', 'registry.lan:5000/app:v1'],
    [`alpine@${digest}`, `docker.io/library/alpine@${digest}`],
    [`ghcr.io/app:v1@${digest}`, `ghcr.io/app@${digest}`],
  ])('%s means %s', (text, full) => {
    const name = parseImageName(text, upstreams);
    expect(formatImageName(name)).toBe(full);
    expect(parseImageName(full, upstreams)).toEqual(name);
  });

  test.each([
    ['', 'the repository does not fit the grammar'],
    ['no such//image::', 'the tag does not fit the grammar'],
    ['Upper', 'the repository does not fit the grammar'],
    ['alpine:', 'the tag does not fit the grammar'],
    ['alpine@sha256:abc', 'what follows @ is no digest'],
    [`a@${digest}@${digest}`, 'what follows @ is no digest'],
    ['quay.io/org/app', 'quay.io is not among the upstreams'],
    ['localhost/app', 'localhost is not among the upstreams'],
    [`${'x'.repeat(5000)}!`, 'the repository does not fit the grammar'],
  ])('%j is none', (text, reason) => {
    let thrown: unknown;
    try {
      parseImageName(text, upstreams);
    } catch (error) {
      thrown = error;
    }
    expect(isMirrorError(thrown, 'name-invalid')).toBe(true);
    expect((thrown as Error).message).toMatch(new RegExp(`${reason}$`));
    expect((thrown as Error).message.length).toBeLessThan(260);
  });
});
