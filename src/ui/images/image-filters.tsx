import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { Status } from '../../admin/api-types.ts';
import { useResource } from '../api/use-resource.ts';
import { imageSorts, type ImageQuery, type ImageSort } from '../router.ts';

const sortNames: Readonly<Record<ImageSort, string>> = {
  used: 'Last use',
  name: 'Name',
  size: 'Size',
  hits: 'Hits',
};

/** So long nobody has typed before the search begins. */
const stillMs = 250;

interface ImageFiltersProps {
  readonly query: ImageQuery;
  onChange(query: ImageQuery): void;
}

/** Which images, and in which order. */
export function ImageFilters({ query, onChange }: ImageFiltersProps) {
  const { value: status } = useResource<Status>('/status');
  const searchId = useId();
  const upstreamId = useId();
  const sortId = useId();
  const [typed, setTyped] = useState(query.search);
  const asked = useRef(query.search);
  // Back, forward and links change the query too; what was typed here is not to be overtaken by its own echo.
  useEffect(() => {
    if (query.search !== asked.current) setTyped(query.search);
    asked.current = query.search;
  }, [query.search]);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const change = (part: Partial<ImageQuery>): void => {
    clearTimeout(timer.current);
    asked.current = typed.trim();
    onChange({ ...query, search: asked.current, ...part });
  };
  const type = (text: string): void => {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      asked.current = text.trim();
      onChange({ ...query, search: asked.current });
    }, stillMs);
  };
  const known = status?.upstreams.map(({ name }) => name) ?? [];
  const upstreams = query.upstream === '' || known.includes(query.upstream) ? known : [...known, query.upstream];
  return (
    <form
      class="filters"
      role="search"
      aria-label="Images"
      onSubmit={(event) => {
        event.preventDefault();
        change({});
      }}
    >
      <div class="field field-wide">
        <label htmlFor={searchId}>Search</label>
        <input
          id={searchId}
          type="search"
          placeholder="name or tag"
          spellcheck={false}
          autocapitalize="none"
          value={typed}
          onInput={(event) => type(event.currentTarget.value)}
        />
      </div>
      <div class="field">
        <label htmlFor={upstreamId}>Upstream</label>
        <select
          id={upstreamId}
          value={query.upstream}
          onChange={(event) => change({ upstream: event.currentTarget.value })}
        >
          <option value="">All</option>
          {upstreams.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </div>
      <div class="field">
        <label htmlFor={sortId}>Order</label>
        <select
          id={sortId}
          value={query.sort}
          onChange={(event) => {
            const sort = imageSorts.find((name) => name === event.currentTarget.value);
            if (sort !== undefined) change({ sort });
          }}
        >
          {imageSorts.map((sort) => (
            <option key={sort} value={sort}>
              {sortNames[sort]}
            </option>
          ))}
        </select>
      </div>
    </form>
  );
}
