import { isMirrorError } from '../oci/errors.ts';
import { parseImageName } from '../oci/image-name.ts';
import { CliFailure } from './failure.ts';

/**
 * Refuses what no mirror could read as an image, before any is asked. Which upstreams there are only the mirror
 * knows: any host will do here. @throws CliFailure with a line for each
 */
export function checkImageNames(images: readonly string[]): void {
  const problems = images.flatMap((image) => findProblem(image) ?? []);
  if (problems.length > 0) throw new CliFailure(problems, { status: 2 });
}

function findProblem(image: string): string | undefined {
  const first = image.slice(0, Math.max(0, image.indexOf('/'))).toLowerCase();
  const isHost = /[.:]/.test(first) || first === 'localhost';
  const upstreams = [
    { name: 'docker.io', aliases: [], isDefault: true },
    ...(isHost ? [{ name: first, aliases: [], isDefault: false }] : []),
  ];
  try {
    parseImageName(image, upstreams);
    return undefined;
  } catch (error) {
    if (isMirrorError(error)) return error.message;
    throw error;
  }
}
