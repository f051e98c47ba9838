import { useApp } from '../app-context.ts';
import { Age } from '../parts/age.tsx';
import { Badge } from '../parts/badge.tsx';
import { Card } from '../parts/card.tsx';
import { Empty } from '../parts/empty.tsx';
import { useStore } from '../store.ts';
import { describeEvent } from './event-words.ts';

const mostShown = 12;

/** What happened since the page was opened. */
export function EventsCard() {
  const { live } = useApp();
  const events = useStore(live.events);
  return (
    <Card title="Recent events">
      {events.length === 0 && (
        <Empty title="Nothing has happened yet">
          Ends of transfers, evictions, and changes of upstreams appear here from when the page was opened.
        </Empty>
      )}
      {events.length > 0 && (
        <ol class="events">
          {events.slice(0, mostShown).map((event) => {
            const { word, tone, text } = describeEvent(event);
            return (
              <li key={event.key}>
                <Badge tone={tone}>{word}</Badge>
                <span class="event-text" title={text}>
                  {text}
                </span>
                <span class="hint">
                  <Age at={event.at} />
                </span>
              </li>
            );
          })}
        </ol>
      )}
    </Card>
  );
}
