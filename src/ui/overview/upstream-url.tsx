import type { UpstreamHealth, UpstreamUrlState } from '../../admin/api-types.ts';
import { formatCount } from '../format.ts';
import { Age } from '../parts/age.tsx';
import { Badge } from '../parts/badge.tsx';
import { Meter } from '../parts/meter.tsx';
import { healthWords } from './health-words.ts';

/** What a state means for pulls. */
const meanings: Readonly<Record<UpstreamHealth, string | undefined>> = {
  ok: undefined,
  paused: undefined,
  'login-rejected': 'It rejects our login and is asked without one.',
  away: 'It does not answer and is asked now and then; what is cached is served meanwhile.',
};

interface UpstreamUrlProps {
  readonly state: UpstreamUrlState;
  /** Whether the upstream has no other, so that its state has been said. */
  readonly isOnly: boolean;
}

export function UpstreamUrl({ state, isOnly }: UpstreamUrlProps) {
  const { url, health, pauses, rateLimit } = state;
  const { word, tone } = healthWords[health];
  return (
    <div class="url">
      <p class="row-notes">
        <span class="name" title={url}>
          {url}
        </span>
        {!isOnly && health !== 'ok' && <Badge tone={tone}>{word}</Badge>}
      </p>
      {meanings[health] !== undefined && <p class="warning">{meanings[health]}</p>}
      {pauses.map((pause) => (
        <p key={pause.class} class="warning">
          {`It asked to be left alone with ${pause.class}; asked again `}
          <Age at={pause.until} />.
        </p>
      ))}
      {rateLimit !== null && <RateLimit {...rateLimit} />}
    </div>
  );
}

function RateLimit({ limit, remaining }: { readonly limit: number | null; readonly remaining: number }) {
  const text =
    limit === null
      ? `${formatCount(remaining)} pulls left`
      : `${formatCount(remaining)} of ${formatCount(limit)} pulls left`;
  const tone = limit === null || remaining > limit / 5 ? 'plain' : remaining > 0 ? 'warn' : 'bad';
  return (
    <div class="limit">
      {limit !== null && <Meter label="Pulls left" value={remaining} limit={limit} text={text} tone={tone} />}
      <p class="row-notes">{text}</p>
    </div>
  );
}
