import type { Mirror } from '../../../src/mirror/mirror-api.ts';
import { exchangeRaw } from '../../support/raw-exchange.ts';
import { createFakeMirror, createLedger, digestOf, serveBlob, serveManifest, type FakeMirror } from './fake-mirror.ts';
import { serve, type Served } from './harness.ts';

export const bytes = Buffer.from('some bytes');
export const digest = digestOf(bytes);
export const manifestPath = '/v2/ghcr.io/o/r/manifests/v1';
export const blobPath = `/v2/ghcr.io/o/r/blobs/${digest}`;

export interface SmallMirror {
  readonly mirror: FakeMirror;
  readonly served: Served;
  readonly address: string;
  /** Sends bytes as they are and gives what comes back. */
  raw(request: string, isEnough?: (received: string) => boolean): Promise<string>;
  close(): Promise<void>;
}

/** A served mirror with one manifest (to GET) and one blob, but for what `parts` says. */
export async function serveSmall(parts: Partial<Mirror> = {}): Promise<SmallMirror> {
  const ledger = createLedger();
  const mirror = createFakeMirror(
    { getManifest: async () => serveManifest(), getBlob: async () => serveBlob(bytes, ledger), ...parts },
    ledger,
  );
  const served = await serve(mirror);
  return {
    mirror,
    served,
    address: served.address,
    raw: (request, isEnough) => exchangeRaw(served.address, request, isEnough),
    close: () => served.close(),
  };
}
