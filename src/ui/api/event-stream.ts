import type { Event } from '../../admin/api-types.ts';
import type { ApiClient } from './api-client.ts';
import { createEventParser } from './event-text.ts';

/** Longer than the pause between two signs of life of a server that has nothing to tell. */
const silenceMs = 45_000;

export interface EventListener {
  onOpen(): void;
  onEvent(event: Event): void;
}

/** Reads events until the connection ends, is silent for too long, or `signal` says so. @throws ApiFailure */
export async function readEvents(api: ApiClient, listener: EventListener, signal: AbortSignal): Promise<void> {
  const silence = new AbortController();
  let deadline = setTimeout(() => silence.abort(), silenceMs);
  const both = AbortSignal.any([signal, silence.signal]);
  try {
    const reader = (await api.openEvents(both)).getReader();
    listener.onOpen();
    const decoder = new TextDecoder();
    const parse = createEventParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(deadline);
      deadline = setTimeout(() => silence.abort(), silenceMs);
      for (const message of parse(decoder.decode(value, { stream: true }))) {
        const event = parseEvent(message.data);
        if (event !== undefined) listener.onEvent(event);
      }
    }
  } finally {
    clearTimeout(deadline);
  }
}

function parseEvent(data: string): Event | undefined {
  try {
    const event = JSON.parse(data) as Partial<Event> | null;
    return typeof event === 'object' && typeof event?.type === 'string' ? (event as Event) : undefined;
  } catch {
    return undefined;
  }
}
