import type { UpstreamState } from '../../admin/api-types.ts';
import { Badge } from '../parts/badge.tsx';
import { healthWords } from './health-words.ts';
import { UpstreamUrl } from './upstream-url.tsx';

/** One upstream with all its addresses. */
export function UpstreamItem({ upstream }: { readonly upstream: UpstreamState }) {
  const { name, isDefault, health, urls } = upstream;
  const { word, tone } = healthWords[health];
  return (
    <li>
      <p class="row-head">
        <span class="name" title={name}>
          {name}
        </span>
        {isDefault && <span class="hint">default</span>}
        <Badge tone={tone}>{word}</Badge>
      </p>
      {urls.map((url) => (
        <UpstreamUrl key={url.url} state={url} isOnly={urls.length === 1} />
      ))}
    </li>
  );
}
