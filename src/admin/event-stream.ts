import type { ServerResponse } from 'node:http';
import type { Mirror } from '../mirror/mirror-api.ts';
import type { Clock, Timer } from '../telemetry/clock.ts';
import type { Events, Happening } from '../telemetry/events.ts';
import type { Event, UpstreamState } from './api-types.ts';
import { formatEvent, toEvent, type EventFacts } from './event-messages.ts';
import { toFillState } from './fill-state.ts';
import { toUpstreamState } from './upstream-state.ts';

/** Whoever listens at `/events`. Nothing is done while nobody does. */
export interface EventStream {
  /** Answers with events until the client leaves, is too slow, or the stream is closed. False when there are too many. */
  add(response: ServerResponse): boolean;
  /** Ends all answers, and those that come later at once. */
  close(): void;
  readonly subscribers: number;
}

export interface EventStreamOptions extends EventFacts {
  readonly clock: Clock;
  readonly events: Pick<Events, 'watch'>;
  readonly mirror: Pick<Mirror, 'stats' | 'listFills'>;
}

const maxSubscribers = 50;
/** Who has so much untaken is not waited for. */
const maxUntakenBytes = 1024 * 1024;
/** Proxies and browsers give up connections on which nothing moves. */
const commentEveryMs = 15_000;
const fillsEveryMs = 250;

export function createEventStream(options: EventStreamOptions): EventStream {
  const { clock, events, mirror } = options;
  const subscribers = new Set<ServerResponse>();
  /** One that is due when a pause ends, of which nobody tells. */
  const pauseEnds = new Map<string, Timer>();
  let stopWatching: (() => void) | undefined;
  let commentTimer: Timer | undefined;
  let fillsTimer: Timer | undefined;
  let hasToldFills = false;
  let isClosed = false;

  function sendAll(text: string): void {
    for (const response of subscribers) {
      if (response.writableLength > maxUntakenBytes) response.destroy();
      else response.write(text);
    }
  }

  function tell(event: Event): void {
    sendAll(formatEvent(event));
    if (event.type === 'upstream') awaitPauseEnd(event.upstream);
  }

  function onHappening(happening: Happening): void {
    const event = toEvent(happening, options, clock.wallMs());
    if (event === undefined) return;
    tell(event);
    if (event.type !== 'fill-started') return;
    hasToldFills = true;
    fillsTimer ??= clock.startTimer(fillsEveryMs, tellFills);
  }

  /** While fills run, and once when none does any more. */
  function tellFills(): void {
    fillsTimer = undefined;
    const fills = mirror.listFills().map(toFillState);
    if (fills.length > 0 || hasToldFills) tell({ type: 'fills', at: new Date(clock.wallMs()).toISOString(), fills });
    hasToldFills = fills.length > 0;
    if (fills.length > 0 || mirror.stats().fills > 0) fillsTimer = clock.startTimer(fillsEveryMs, tellFills);
  }

  function awaitPauseEnd({ name, urls }: UpstreamState): void {
    pauseEnds.get(name)?.stop();
    pauseEnds.delete(name);
    const ends = urls.flatMap(({ pauses }) => pauses.map(({ until }) => Date.parse(until)));
    if (ends.length === 0) return;
    const delayMs = Math.max(1, Math.min(...ends) - clock.wallMs() + 1);
    pauseEnds.set(
      name,
      clock.startTimer(delayMs, () => onHappening({ type: 'upstream-changed', upstream: name })),
    );
  }

  function comment(): void {
    sendAll(': still here\n\n');
    commentTimer = clock.startTimer(commentEveryMs, comment);
  }

  function begin(): void {
    stopWatching = events.watch(onHappening);
    commentTimer = clock.startTimer(commentEveryMs, comment);
    for (const upstream of options.upstreams()) awaitPauseEnd(toUpstreamState(upstream, clock.wallMs()));
  }

  function end(): void {
    stopWatching?.();
    for (const timer of [commentTimer, fillsTimer, ...pauseEnds.values()]) timer?.stop();
    fillsTimer = undefined;
    pauseEnds.clear();
    hasToldFills = false;
  }

  return {
    add(response) {
      if (isClosed || subscribers.size >= maxSubscribers) return false;
      // It has left already: nothing would tell when.
      if (response.destroyed) return true;
      response.setHeader('Content-Type', 'text/event-stream');
      // Of proxies in between: what is kept back comes too late.
      response.setHeader('X-Accel-Buffering', 'no');
      response.write(': events from now on\n\n');
      subscribers.add(response);
      response.once('close', () => {
        subscribers.delete(response);
        if (subscribers.size === 0) end();
      });
      if (subscribers.size === 1) begin();
      // Somebody who comes in the middle of a fill sees it at once.
      fillsTimer ??= clock.startTimer(0, tellFills);
      return true;
    },
    close() {
      isClosed = true;
      for (const response of subscribers) response.end();
    },
    get subscribers() {
      return subscribers.size;
    },
  };
}
