// A million small objects that need not be stored anywhere to be known: number in, bytes and digest out.
import { hash } from 'node:crypto';
import { createContent, createSeededContent } from '../content.ts';
import { imageManifest, ociManifestType } from '../registry-content.ts';

export interface ScaleObject {
  readonly digest: string;
  readonly bytes: Buffer;
  readonly isManifest: boolean;
}

/** One object in so many is a manifest, which lists some of those before it: 1.6 %. */
const manifestEvery = 64;
const smallestBytes = 200;
const largestBytes = 2000;
const stuff = createSeededContent('scale', 64 * 1024).read(0, 64 * 1024);

/** Object number `index`, the same in every process and every run. */
export function makeScaleObject(index: number): ScaleObject {
  const isManifest = index % manifestEvery === manifestEvery - 1;
  const bytes = isManifest ? makeManifest(index) : makeBlob(index);
  return { digest: `sha256:${hash('sha256', bytes, 'hex')}`, bytes, isManifest };
}

/** An object that is in no scale store, whose digest begins with `ff`: a search through the files meets it last. */
export function makeLastObject(): ScaleObject {
  for (let index = -1; ; index -= 1) {
    const bytes = makeBlob(index);
    const digest = `sha256:${hash('sha256', bytes, 'hex')}`;
    if (digest.startsWith('sha256:ff')) return { digest, bytes, isManifest: false };
  }
}

function makeBlob(index: number): Buffer {
  // A multiplier without common factors scatters sizes and offsets.
  const scattered = Math.imul(index, 0x9e3779b1) >>> 0;
  const sizeBytes = smallestBytes + (scattered % (largestBytes - smallestBytes + 1));
  const offset = (scattered >>> 8) % (stuff.length - sizeBytes);
  const bytes = Buffer.from(stuff.subarray(offset, offset + sizeBytes));
  bytes.writeDoubleLE(index, 0);
  return bytes;
}

function makeManifest(index: number): Buffer {
  const [config, ...layers] = Array.from({ length: 2 + (index % 7) }, (_, i) =>
    createContent(makeBlob(index - 1 - i * 9)),
  );
  if (config === undefined) throw new Error('a manifest has a config');
  const annotations = { 'org.opencontainers.image.version': String(index) };
  return Buffer.from(JSON.stringify({ ...imageManifest(config, layers), mediaType: ociManifestType, annotations }));
}
