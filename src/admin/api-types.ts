// The admin API in types: what `/api/v1` takes and gives as JSON. The command line and the page use these types too.
// Times are ISO 8601 in UTC, durations seconds, sizes bytes, rates bytes a second; what is not known is null.
// References are written in full: `docker.io/library/alpine:3.20`, or with `@sha256:…` in place of the tag.

/** Every answer of status 400 and above. */
export interface ApiError {
  /** One sentence: what was wrong and what was expected. */
  readonly error: string;
  /** For 400: the field of the body, or the query parameter, as in `references[1]`. */
  readonly field?: string;
}

/** `GET /status` */
export interface Status {
  readonly version: string;
  readonly instance: string;
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  readonly isReady: boolean;
  /** What is not as it should be, a sentence each; empty when all is well. */
  readonly degraded: readonly string[];
  /** Where clients pull. */
  readonly publicUrl: string;
  readonly cache: CacheUse;
  readonly traffic: Traffic;
  readonly fills: { readonly running: number; readonly readers: number };
  readonly upstreams: readonly UpstreamState[];
  readonly configuration: ConfigurationState;
}

export interface CacheUse {
  /** All that counts in the quota: content, partial files, what is on its way in. */
  readonly usedBytes: number;
  /** null: no limit. */
  readonly maxBytes: number | null;
  readonly contentBytes: number;
  readonly objects: number;
  readonly pinnedBytes: number;
  /** Free on the file system beyond `cache.minFree`; null while nobody has looked. */
  readonly spareBytes: number | null;
}

/** Of pulls of manifests and blobs since `since`. */
export interface Traffic {
  readonly since: string;
  readonly requests: number;
  /** Answered without fetching anything from upstream. */
  readonly hits: number;
  /** hits / requests; null while there were none. */
  readonly hitRatio: number | null;
  readonly servedBytes: number;
  readonly fetchedBytes: number;
  /** What did not have to come from upstream: served less fetched, never below 0. */
  readonly savedBytes: number;
  /** savedBytes / servedBytes; null while nothing was served. */
  readonly byteHitRatio: number | null;
}

/** `GET /history`: steps of equal length, oldest first; the last one is still running. */
export interface History {
  readonly stepSeconds: number;
  readonly points: readonly HistoryPoint[];
}

export interface HistoryPoint {
  /** Where the step begins. */
  readonly at: string;
  readonly requests: number;
  readonly hits: number;
  readonly servedBytes: number;
  readonly fetchedBytes: number;
}

export interface UpstreamState {
  readonly name: string;
  readonly isDefault: boolean;
  readonly aliases: readonly string[];
  /** The worst of its URLs' states. */
  readonly health: UpstreamHealth;
  readonly urls: readonly UpstreamUrlState[];
}

/** `paused`: it asked to be left alone. `away`: it does not answer, and is asked now and then. `login-rejected`: asked without login. */
export type UpstreamHealth = 'ok' | 'login-rejected' | 'paused' | 'away';

export interface UpstreamUrlState {
  /** Without any login. */
  readonly url: string;
  readonly health: UpstreamHealth;
  /** Which kinds of requests rest, and until when. */
  readonly pauses: readonly { readonly class: 'manifests' | 'blobs' | 'tokens'; readonly until: string }[];
  /** What upstream said last of its limit; null when it never did. */
  readonly rateLimit: { readonly limit: number | null; readonly remaining: number } | null;
}

export interface ConfigurationState {
  /** null: built-in defaults. */
  readonly file: string | null;
  readonly loadedAt: string;
  /** Why the last attempt to load it changed nothing, or which keys wait for a restart; one problem a line, empty when all of it counts. */
  readonly problems: readonly string[];
}

/** One page of a list; `next` goes into `cursor` of the next request, null at the end. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/** `GET /repositories?search=&upstream=&cursor=&limit=`: in the order of their names. */
export interface RepositorySummary {
  readonly upstream: string;
  readonly repository: string;
  readonly tags: number;
  readonly lastUsedAt: string | null;
}

/** `GET /images?search=&upstream=&repository=&sort=name|used|size|hits&cursor=&limit=`: cached tags, and pinned or pulled digests are not listed. */
export interface ImageSummary {
  readonly reference: string;
  readonly upstream: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
  readonly mediaType: string;
  /** Of config and layers, each once, of its manifests that are here: all platforms that are. */
  readonly sizeBytes: number;
  /** Of that, what is here. */
  readonly cachedBytes: number;
  readonly hits: number;
  readonly lastUsedAt: string;
  /** When upstream last confirmed the tag. */
  readonly checkedAt: string;
  readonly isPinned: boolean;
  readonly visibility: Visibility;
}

/** Who may see it: everybody, or those whom its repositories' upstream lets see it. */
export type Visibility = 'public' | 'restricted';

/** `GET /image?reference=` */
type RepositoryName = Pick<RepositorySummary, 'upstream' | 'repository'>;
export interface ImageDetails {
  readonly reference: string;
  readonly upstream: string;
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly cachedBytes: number;
  readonly hits: number;
  readonly lastUsedAt: string;
  readonly checkedAt: string | null;
  readonly visibility: Visibility;
  /** What is restricted leaves only through these, which upstream has answered for: by name, at most 20 of `count` (1000: or more). */
  readonly links: { readonly repositories: readonly RepositoryName[]; readonly count: number };
  /** The pins that hold it, as they are written; those of the configuration cannot be taken away here. */
  readonly pins: readonly PinState[];
  /** One for an image, several for an index; attestations are listed without a platform. */
  readonly manifests: readonly ImageManifest[];
}

export interface ImageManifest {
  readonly digest: string;
  readonly mediaType: string;
  /** `linux/arm64/v8`; null where nobody says. */
  readonly platform: string | null;
  readonly isHere: boolean;
  /** Of config and layers; null while the manifest is not here. */
  readonly sizeBytes: number | null;
  readonly cachedBytes: number;
  /** Config first, then layers from the bottom up; empty while the manifest is not here. */
  readonly blobs: readonly ImageBlob[];
}

export interface ImageBlob {
  readonly digest: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly isHere: boolean;
  /** Other cached tags that lead to it, at most 20 by name. */
  readonly sharedWith: readonly string[];
  /** All of them; 1000 stands for that many or more. */
  readonly sharedCount: number;
}

/** `GET /pins`, and what `POST /pin` and `POST /unpin` answer: a page of all that hold now. */
export interface PinState {
  /** `docker.io/library/alpine:3.20`, with `*` for anything, or a digest. */
  readonly pin: string;
  readonly source: 'configuration' | 'operator';
}

/** `GET /fills`: what is being fetched now. */
export interface FillState {
  readonly digest: string;
  readonly upstream: string;
  readonly repository: string;
  /** null until upstream has said it. */
  readonly sizeBytes: number | null;
  /** What is here of it. */
  readonly hereBytes: number;
  /** Over the last seconds. */
  readonly bytesPerSecond: number;
  readonly readers: number;
  readonly connections: number;
  readonly startedAt: string;
}

/** `GET /events`: server-sent, `event` is the type, `data` this as JSON. What went before is not told. */
export type Event =
  | { readonly type: 'fill-started'; readonly at: string; readonly fill: FillState }
  /** Several times a second while fills run: all of them. */
  | { readonly type: 'fills'; readonly at: string; readonly fills: readonly FillState[] }
  | {
      readonly type: 'fill-ended';
      readonly at: string;
      readonly digest: string;
      readonly upstream: string;
      readonly repository: string;
      readonly result: 'committed' | 'failed' | 'parked' | 'mismatch' | 'bypassed';
      readonly sizeBytes: number | null;
      readonly durationSeconds: number;
      readonly error: string | null;
    }
  | { readonly type: 'evicted'; readonly at: string; readonly objects: number; readonly bytes: number }
  | { readonly type: 'upstream'; readonly at: string; readonly upstream: UpstreamState }
  | { readonly type: 'configuration'; readonly at: string; readonly configuration: ConfigurationState }
  | { readonly type: 'job'; readonly at: string; readonly job: Job };

/** Body of `POST /pull`, answered with 202 and a job. */
export interface PullRequest {
  readonly references: readonly string[];
  /** `all`, or some: `linux/amd64`, `linux/arm/v7`. Default: this machine's. */
  readonly platforms?: 'all' | readonly string[];
}

/** Body of `POST /verify`, answered with 202 and a job: reads all of it and holds it against the digests. */
export interface VerifyRequest {
  /** Default: everything. */
  readonly references?: readonly string[];
}

/** Body of `POST /purge`, `POST /pin` and `POST /unpin`. Nothing changes unless all of it is good. */
export interface ReferencesRequest {
  readonly references: readonly string[];
}

/** Of `POST /purge`. */
export interface PurgeResult {
  readonly items: readonly {
    readonly reference: string;
    readonly removedObjects: number;
    readonly freedBytes: number;
    /** Objects of the image that something else needs: another tag, a pin, a manifest that stays. */
    readonly keptObjects: number;
  }[];
}

/** `GET /jobs?cursor=&limit=` (a page, newest first), `GET /jobs/ID`; `POST /jobs/ID/cancel` ends one and gives it. The last hundred are kept. */
export interface Job {
  readonly id: string;
  readonly kind: 'pull' | 'verify';
  /** `prefetch`: the configuration asked for it. */
  readonly origin: 'operator' | 'prefetch';
  readonly state: 'running' | 'done' | 'failed' | 'cancelled';
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly items: readonly JobItem[];
}

export interface JobItem {
  /** `*`: everything in the cache. */
  readonly reference: string;
  readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
  /** For `failed`. */
  readonly error: string | null;
  /** Content of the image: all, and what is here (or, of a verification, has been read). */
  readonly totalBytes: number;
  readonly doneBytes: number;
  readonly totalObjects: number;
  readonly doneObjects: number;
  /** What had to be fetched; of a verification, what was found damaged and put aside. */
  readonly fetchedBytes: number;
  readonly damagedObjects: number;
}

/** `GET /client-setup`: what to write where, for each client. */
export interface ClientSetup {
  readonly publicUrl: string;
  readonly clients: readonly {
    /** docker, containerd, podman, buildkit */
    readonly name: string;
    /** What `stowage client-config NAME` prints. */
    readonly text: string;
    /** What cannot be said within it, a sentence each. */
    readonly notes: readonly string[];
  }[];
}
