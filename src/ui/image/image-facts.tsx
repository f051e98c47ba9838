import type { ImageDetails } from '../../admin/api-types.ts';
import { formatBytes, formatCount } from '../format.ts';
import { Age } from '../parts/age.tsx';
import { Card } from '../parts/card.tsx';
import { CopyButton } from '../parts/copy-button.tsx';
import { Progress } from '../parts/progress.tsx';

function formatLinks({ repositories, count }: ImageDetails['links']): string {
  if (count === 0) return 'no repository yet: upstream is asked first';
  const names = repositories.map(({ upstream, repository }) => `${upstream}/${repository}`).join(', ');
  return count > repositories.length ? `${names} and ${formatCount(count - repositories.length)} more` : names;
}

export function ImageFacts({ image }: { readonly image: ImageDetails }) {
  const { digest, mediaType, sizeBytes, cachedBytes, hits, lastUsedAt, checkedAt, visibility, links } = image;
  return (
    <Card title="About it">
      <p class="figure">{`${formatBytes(cachedBytes)} of ${formatBytes(sizeBytes)} here`}</p>
      <Progress label="How much of the image is here" done={cachedBytes} total={sizeBytes} />
      <dl class="facts">
        <dt>Digest</dt>
        <dd class="copied">
          <code class="wrap">{digest}</code> <CopyButton text={digest} what="the digest" />
        </dd>
        <dt>Media type</dt>
        <dd class="wrap">{mediaType}</dd>
        <dt>Hits</dt>
        <dd>{formatCount(hits)}</dd>
        <dt>Last use</dt>
        <dd>
          <Age at={lastUsedAt} />
        </dd>
        <dt>Tag checked</dt>
        <dd>{checkedAt === null ? 'it is named by digest' : <Age at={checkedAt} />}</dd>
        <dt>Visibility</dt>
        <dd>
          {visibility === 'public' ? 'public: everybody may pull it' : 'restricted: whom its upstream lets see it'}
        </dd>
        {visibility === 'restricted' && (
          <>
            <dt>Leaves through</dt>
            <dd class="wrap">{formatLinks(links)}</dd>
          </>
        )}
      </dl>
    </Card>
  );
}
