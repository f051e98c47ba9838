import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createArtifact, createImage, createIndex, createReferrersIndex, ownPlatform, type Image } from './image.ts';
import { pushImage } from './push.ts';
import { getTool } from './tools.ts';

/** An image in the upstream registry, with the name a user of Docker Hub types. */
export interface Pushed {
  readonly repository: string;
  readonly tag: string;
  /** `docker.io/REPOSITORY:TAG` */
  readonly name: string;
  readonly image: Image;
}

export interface Images {
  readonly deep: Pushed;
  /** One layer that is large enough to come in segments. */
  readonly large: Pushed;
  readonly multiPlatform: Pushed;
  readonly dockerList: Pushed;
  /** Prints `greeting`. */
  readonly runnable: Pushed;
  readonly signed: Pushed;
}

export const greeting = 'pulled through stowage';
export const signatureType = 'application/vnd.example.signature';
export const sbomType = 'application/vnd.example.sbom';

/** A layer of one small file with content that no other layer has. */
function smallLayer(name: string): { path: string; content: Buffer }[] {
  return [{ path: `${name}.txt`, content: Buffer.concat([Buffer.from(name), randomBytes(200)]) }];
}

/** Makes the images of the end-to-end tests and pushes them. */
export async function pushImages(registryUrl: string): Promise<Images> {
  const push = async (repository: string, image: Image, tag = '1.0'): Promise<Pushed> => {
    await pushImage(registryUrl, repository, tag, image);
    return { repository, tag, name: `docker.io/${repository}:${tag}`, image };
  };
  const otherPlatform = { os: 'linux', architecture: ownPlatform.architecture === 's390x' ? 'ppc64le' : 's390x' };
  const perPlatform = (family: 'oci' | 'docker', name: string): Image =>
    createIndex(
      family,
      new Map(
        [ownPlatform, otherPlatform].map((platform) => [
          platform,
          createImage({ family, platform, layers: [smallLayer(`${name}-${platform.architecture}`)] }),
        ]),
      ),
    );
  const signed = await push('team/signed', createImage({ layers: [smallLayer('signed')] }));
  await pushReferrers(registryUrl, signed);
  return {
    deep: await push(
      'library/deep',
      createImage({ layers: Array.from({ length: 40 }, (_, i) => smallLayer(`deep-${i}`)) }),
    ),
    large: await push(
      'library/large',
      createImage({ layers: [[{ path: 'large.bin', content: randomBytes(24 * 1024 * 1024) }], smallLayer('large')] }),
    ),
    multiPlatform: await push('library/multi', perPlatform('oci', 'multi')),
    dockerList: await push('team/tools/listed', perPlatform('docker', 'listed')),
    runnable: await push(
      'library/runnable',
      createImage({
        family: 'docker',
        layers: [[{ path: 'busybox', content: readFileSync(getTool('busybox')), mode: 0o755 }]],
        command: ['/busybox', 'echo', greeting],
      }),
    ),
    signed,
  };
}

/** Debian's registry has no referrers API, so the list lies under the fallback tag. */
async function pushReferrers(registryUrl: string, signed: Pushed): Promise<void> {
  const subject = signed.image.manifest.descriptor;
  const artifacts = [signatureType, sbomType].map((type) => ({
    type,
    image: createArtifact({ artifactType: type, subject, text: `about ${subject.digest}` }),
  }));
  await pushImage(registryUrl, signed.repository, subject.digest.replace(':', '-'), createReferrersIndex(artifacts));
}
