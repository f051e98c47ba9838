import { describe, expect, test } from '@jest/globals';
import { platformsOf, previewPurge } from '../../../src/ui/image/image-counts.ts';
import { describePoint, joinPoints, toChartData } from '../../../src/ui/overview/chart-data.ts';
import { createDetails, createImage } from '../../support/page/fake-state.ts';

const image = createDetails(createImage('docker.io/library/app:1', '2026-01-02T03:04:05Z'));

describe('what the page counts', () => {
  test('a purge removes what nobody shares, each once, and manifests', () => {
    const [amd64] = image.manifests;
    const twice = { ...image, manifests: amd64 === undefined ? [] : [amd64, { ...amd64, digest: 'sha256:other' }] };
    expect(previewPurge(twice)).toEqual({
      removedObjects: 3 + 3,
      freedBytes: 60_005_000,
      keptObjects: 1,
      keptBytes: 30_000_000,
    });
  });

  test('a platform is complete when all of it is here', () => {
    expect(platformsOf(image)).toEqual([
      { platform: 'linux/amd64', isComplete: true },
      { platform: 'linux/arm64/v8', isComplete: false },
    ]);
  });

  const points = [0, 1, 2, 3, 4].map((minute) => ({
    at: `2026-01-02T03:0${minute}:00Z`,
    requests: minute,
    hits: minute,
    servedBytes: 1000,
    fetchedBytes: 500,
  }));

  test('the hit ratio has a gap where nobody asked', () => {
    expect(toChartData(points).hitRatio).toEqual([null, 100, 100, 100, 100]);
  });

  test('steps are joined to such as divide a day, bounds stay, and nothing is lost', () => {
    const joined = joinPoints({ points, stepSeconds: 60 }, 3);
    expect(joined.stepSeconds).toBe(120);
    expect(joined.points.map(({ at, requests }) => [at, requests])).toEqual([
      ['2026-01-02T03:00:00.000Z', 0 + 1],
      ['2026-01-02T03:02:00.000Z', 2 + 3],
      ['2026-01-02T03:04:00.000Z', 4],
    ]);
    expect(joinPoints({ points, stepSeconds: 60 }, 5)).toEqual({ points, stepSeconds: 60 });
  });

  test('a point reads as a sentence', () => {
    expect(describePoint({ requests: 4, hits: 3, servedBytes: 1_200_000, fetchedBytes: 200_000 })).toBe(
      '1.2 MB served, 200 kB fetched, 1.0 MB saved, hit ratio 75 %',
    );
    expect(describePoint({ requests: 0, hits: 0, servedBytes: 0, fetchedBytes: 0 })).toContain('no requests');
  });
});
