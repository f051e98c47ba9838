import { useState } from 'preact/hooks';
import type { ImageDetails } from '../../admin/api-types.ts';
import { useResource } from '../api/use-resource.ts';
import { useApp } from '../app-context.ts';
import { JobItem } from '../jobs/job-item.tsx';
import { Link } from '../link.tsx';
import { Card } from '../parts/card.tsx';
import { Empty } from '../parts/empty.tsx';
import { Failure } from '../parts/failure.tsx';
import { Heading } from '../parts/heading.tsx';
import { Skeleton } from '../parts/skeleton.tsx';
import { anyImage } from '../router.ts';
import { useStore } from '../store.ts';
import { ImageActions } from './image-actions.tsx';
import { ImageFacts } from './image-facts.tsx';
import { ManifestDetails } from './manifest-details.tsx';
import { PinList } from './pin-list.tsx';

/** One image: what it consists of, what of it is here, and what can be done with it. */
export function ImageView({ reference }: { readonly reference: string }) {
  const { live } = useApp();
  const [jobId, setJobId] = useState<string>();
  const job = useStore(live.jobs)?.find(({ id }) => id === jobId);
  // What a job has brought shows as soon as it is over.
  const version = job === undefined || job.state === 'running' ? 0 : 1;
  const path = `/image?reference=${encodeURIComponent(reference)}`;
  const { value, failure, reload } = useResource<ImageDetails>(path, { everyMs: 30_000, version });
  const isAbsent = failure?.status === 404;
  return (
    <>
      <p class="back">
        <Link to={{ view: 'images', query: anyImage }}>All images</Link>
      </p>
      <Heading text={reference} />
      {isAbsent && (
        <Empty title="This image is not cached">
          It was purged, evicted or never pulled. <Link to={{ view: 'warm-up' }}>Warm it up</Link> to bring it here.
        </Empty>
      )}
      {failure !== undefined && !isAbsent && (
        <Failure what="The image cannot be shown" failure={failure} onRetry={reload} />
      )}
      {value === undefined && failure === undefined && <Skeleton what="the image" lines={8} />}
      {value !== undefined && !isAbsent && (
        <div class="stack">
          <ImageActions image={value} onChange={reload} onJob={({ id }) => setJobId(id)} />
          {job !== undefined && (
            <Card title="Job">
              <ul class="rows">
                <JobItem job={job} />
              </ul>
            </Card>
          )}
          <ImageFacts image={value} />
          {value.pins.length > 0 && <PinList pins={value.pins} onChange={reload} />}
          <Card title={value.manifests.length > 1 ? 'Platforms' : 'Content'}>
            {value.manifests.length === 0 && <Empty title="Nothing of it is known" />}
            {value.manifests.map((manifest, index) => (
              <ManifestDetails
                key={manifest.digest}
                manifest={manifest}
                isOpen={value.manifests.length === 1 || (index === 0 && manifest.isHere)}
              />
            ))}
          </Card>
        </div>
      )}
    </>
  );
}
