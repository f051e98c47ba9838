import { useState } from 'preact/hooks';
import type { ImageSummary, Page } from '../../admin/api-types.ts';
import { useResource } from '../api/use-resource.ts';
import { PurgeDialog } from '../image/purge-dialog.tsx';
import { Link } from '../link.tsx';
import { navigate } from '../navigation.ts';
import { Empty } from '../parts/empty.tsx';
import { Failure } from '../parts/failure.tsx';
import { Heading } from '../parts/heading.tsx';
import { Skeleton } from '../parts/skeleton.tsx';
import { anyImage, type ImageQuery } from '../router.ts';
import { ImageFilters } from './image-filters.tsx';
import { ImageTable } from './image-table.tsx';
import { Pager } from './pager.tsx';

const pageLength = 50;

/** Browses what is cached, a page at a time. */
export function ImagesView({ query }: { readonly query: ImageQuery }) {
  return (
    <>
      <Heading text="Images" />
      <ImageFilters query={query} onChange={(changed) => navigate({ view: 'images', query: changed }, 'replace')} />
      <ImageList query={query} />
    </>
  );
}

interface Gone {
  readonly queryKey: string;
  readonly cursors: readonly (string | null)[];
}

function ImageList({ query }: { readonly query: ImageQuery }) {
  // The cursors of the pages gone through; the last one is shown. Another query begins at its first page.
  const queryKey = JSON.stringify(query);
  const [gone, setGone] = useState<Gone>({ queryKey, cursors: [null] });
  const cursors = gone.queryKey === queryKey ? gone.cursors : [null];
  const setCursors = (changed: Gone['cursors']): void => setGone({ queryKey, cursors: changed });
  const [purged, setPurged] = useState<string>();
  const page = useResource<Page<ImageSummary>>(formatPath(query, cursors.at(-1) ?? null), { keepsOld: true });
  const { value, failure, isLoading, reload } = page;
  return (
    <section aria-label="Cached images" aria-busy={isLoading}>
      {failure !== undefined && <Failure what="The images cannot be listed" failure={failure} onRetry={reload} />}
      {value === undefined && failure === undefined && <Skeleton what="the images" lines={10} />}
      {value?.items.length === 0 &&
        (cursors.length > 1 ? <Empty title="No more images" /> : <NoImages query={query} />)}
      {value !== undefined && value.items.length > 0 && (
        <ImageTable images={value.items} isOld={isLoading} onChange={reload} onPurge={setPurged} />
      )}
      {value !== undefined && (value.next !== null || cursors.length > 1) && (
        <Pager
          number={cursors.length}
          hasNext={value.next !== null}
          isBusy={isLoading}
          onNext={() => setCursors([...cursors, value.next])}
          onPrevious={() => setCursors(cursors.slice(0, -1))}
        />
      )}
      {purged !== undefined && (
        <PurgeDialog reference={purged} onClose={() => setPurged(undefined)} onPurged={reload} />
      )}
    </section>
  );
}

function NoImages({ query }: { readonly query: ImageQuery }) {
  if (query.search === '' && query.upstream === '')
    return (
      <Empty title="No images are cached yet">
        Pull one through the mirror, or <Link to={{ view: 'warm-up' }}>warm it up</Link>.
      </Empty>
    );
  return (
    <Empty title="No cached image fits">
      <Link to={{ view: 'images', query: { ...anyImage, sort: query.sort } }}>Show all images</Link>
    </Empty>
  );
}

function formatPath({ search, upstream, sort }: ImageQuery, cursor: string | null): string {
  const parameters = new URLSearchParams({ sort, limit: String(pageLength) });
  if (search !== '') parameters.set('search', search);
  if (upstream !== '') parameters.set('upstream', upstream);
  if (cursor !== null) parameters.set('cursor', cursor);
  return `/images?${parameters.toString()}`;
}
