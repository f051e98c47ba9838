import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import type { Differences } from '../../../src/store/catalog-compare.ts';
import type { ContentStore, ObjectName, StoredObject } from '../../../src/store/content-store.ts';
import { noRecovery, startRecovery, type Recovery } from '../../../src/store/recovery.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { MemoryCatalog } from '../mirror/fakes/memory-catalog.ts';
import { MemoryContentStore } from '../mirror/fakes/memory-content-store.ts';
import { createGate, type Gate } from '../../support/gate.ts';
import { bytesOf, eventually, FakeClock, objectOf } from './fixtures.ts';

/** Files in memory of which each provenance has its own, as on the disk. */
class TwoSidedStore extends MemoryContentStore {
  readonly restricted = new MemoryContentStore();
  readonly changedMs = new Map<string, number>();
  /** Listing goes on past this; by prefix. */
  readonly gates = new Map<string, Gate>();
  readonly listed: string[] = [];

  override async list(prefix: string): ReturnType<ContentStore['list']> {
    this.listed.push(prefix);
    const found = [...(await super.list(prefix)), ...(await this.restricted.list(prefix))];
    await this.gates.get(prefix)?.pass();
    return found;
  }

  override async find(name: Parameters<ContentStore['find']>[0]): ReturnType<ContentStore['find']> {
    const found = await (name.provenance === 'public' ? super.find(name) : this.restricted.find(name));
    return found && { ...found, changedMs: this.changedMs.get(name.digest) ?? 0 };
  }

  override async open(object: StoredObject): ReturnType<ContentStore['open']> {
    return await (object.provenance === 'public' ? super.open(object) : this.restricted.open(object));
  }

  override async remove(object: StoredObject): Promise<void> {
    await (object.provenance === 'public' ? super.remove(object) : this.restricted.remove(object));
  }

  override async promote(object: StoredObject): Promise<void> {
    const secret = this.restricted.objects.get(object.digest);
    if (secret === undefined) return;
    this.restricted.objects.delete(object.digest);
    this.objects.set(object.digest, { ...secret, object: { ...secret.object, provenance: 'public' } });
    await Promise.resolve();
  }
}

/** Writes down of when content was said to be. */
class DatedCatalog extends MemoryCatalog {
  readonly lastUsedMs = new Map<string, number | undefined>();

  override async addContent(
    object: StoredObject,
    facts: { readonly mediaType: string | undefined; readonly lastUsedMs?: number },
  ): Promise<void> {
    this.lastUsedMs.set(object.digest, facts.lastUsedMs);
    await super.addContent(object, facts);
  }
}

let content: TwoSidedStore;
let catalog: DatedCatalog;
let stop: AbortController;
let recovery: Recovery;
let clock: FakeClock;
let arriving: Set<string>;

beforeEach(() => {
  content = new TwoSidedStore();
  catalog = new DatedCatalog();
  stop = new AbortController();
  recovery = noRecovery;
  clock = new FakeClock();
  arriving = new Set();
});

afterEach(async () => {
  for (const gate of content.gates.values()) gate.open();
  await recovery.whenOver;
  expect([...content.openFiles, ...content.restricted.openFiles]).toEqual([]);
});

/** As the catalog's worker does it. */
async function compare(prefix: string): Promise<Differences> {
  const files = Map.groupBy(await content.list(prefix), ({ digest }) => digest);
  const rows = new Map(catalog.listContent(prefix).map((row) => [row.digest, row]));
  const isAsBooked = (names: readonly ObjectName[]) =>
    names.every(({ digest, provenance }) => names.length === 1 && rows.get(digest)?.provenance === provenance);
  const odd = [...files.values()].filter((names) => !isAsBooked(names));
  return { odd, lost: [...rows.keys()].filter((digest) => !files.has(digest)) };
}

function start(): Promise<boolean> {
  recovery = startRecovery({
    content,
    catalog,
    clock,
    log: silentLog,
    signal: stop.signal,
    compare,
    isArriving: (digest) => arriving.has(digest),
  });
  return recovery.whenOver;
}

/** A file without a row. */
function addFile(bytes: Uint8Array, provenance: StoredObject['provenance'] = 'public', changedMs = 0): StoredObject {
  const object = objectOf(bytes, provenance);
  const side = provenance === 'public' ? content : content.restricted;
  side.objects.set(object.digest, { object, bytes: Buffer.from(bytes) });
  content.changedMs.set(object.digest, changedMs);
  return object;
}

function addRow(object: StoredObject): StoredObject {
  void catalog.addContent(object, { mediaType: undefined });
  return object;
}

function prefixOf({ digest }: StoredObject): string {
  return digest.slice(0, 'sha256:00'.length);
}

/** Recovery is on its way, and will not come past the first prefix before the test lets it. */
async function startHeld(): Promise<Gate> {
  const gate = createGate();
  content.gates.set('sha256:00', gate);
  void start();
  await gate.reached;
  return gate;
}

describe('a search of all files', () => {
  test('gives rows to those that have none, last used when they were last changed', async () => {
    const objects = Array.from({ length: 50 }, (_, index) => addFile(bytesOf(`${index}`, 10 + index), 'public', index));
    const secret = addFile(bytesOf('secret', 10), 'restricted', 1234);
    expect(await start()).toBe(true);
    for (const object of [...objects, secret]) expect(catalog.findContent(object.digest)).toMatchObject(object);
    expect(catalog.lastUsedMs.get(objects[7]?.digest ?? '')).toBe(7);
    expect(catalog.lastUsedMs.get(secret.digest)).toBe(1234);
    expect(catalog.hasLink({ upstream: 'docker.io', repository: 'a' }, secret.digest)).toBe(false);
  });

  test('knows manifests by what they say, with what they list', async () => {
    const child = { digest: objectOf(bytesOf('layer', 5)).digest, mediaType: 'application/layer', size: 5 };
    const text = JSON.stringify({ schemaVersion: 2, config: child, layers: [child] });
    const manifest = addFile(Buffer.from(text));
    const alike = addFile(Buffer.from(text.replace('layers', 'lawyers')));
    await start();
    expect(catalog.findContent(manifest.digest)?.mediaType).toBe(mediaTypes.ociManifest);
    expect(catalog.children.get(manifest.digest)?.[0]).toMatchObject({ digest: child.digest, sizeBytes: 5 });
    expect(catalog.findContent(alike.digest)).toMatchObject({ mediaType: undefined });
    expect(catalog.children.has(alike.digest)).toBe(false);
  });

  test('takes rows away whose files are gone, and leaves what is as it is booked', async () => {
    const kept = addRow(addFile(bytesOf('kept', 10)));
    const lost = Array.from({ length: 40 }, (_, index) => addRow(objectOf(bytesOf(`lost${index}`, 10))));
    await start();
    for (const { digest } of lost) expect(catalog.findContent(digest)).toBeUndefined();
    expect(catalog.findContent(kept.digest)).toMatchObject({ ...kept, lastUsedMs: 0 });
    expect(catalog.lastUsedMs.get(kept.digest)).toBeUndefined();
    expect(content.removed).toEqual([]);
  });

  test('leaves a row whose file came while the others were listed', async () => {
    const object = objectOf(bytesOf('late', 10));
    const gate = createGate();
    content.gates.set(prefixOf(object), gate);
    void start();
    await gate.reached;
    addRow(addFile(bytesOf('late', 10)));
    gate.open();
    await recovery.whenOver;
    expect(catalog.findContent(object.digest)).toMatchObject(object);
  });

  test('leaves a row whose file is on its way, since before or only while it was looked for', async () => {
    const [early, late] = [addRow(objectOf(bytesOf('early', 10))), addRow(objectOf(bytesOf('late', 10)))];
    arriving.add(early.digest);
    const find = content.find.bind(content);
    const asked: string[] = [];
    content.find = async (name) => {
      asked.push(name.digest);
      arriving.add(name.digest);
      return await find(name);
    };
    await start();
    for (const { digest } of [early, late]) expect(catalog.findContent(digest)).toBeDefined();
    expect(new Set(asked)).toEqual(new Set([late.digest]));
  });

  test('adds nothing for a file that was removed while the others were listed', async () => {
    const object = addFile(bytesOf('going', 10));
    const gate = createGate();
    content.gates.set(prefixOf(object), gate);
    void start();
    await gate.reached;
    await content.remove(object);
    gate.open();
    await recovery.whenOver;
    expect(catalog.findContent(object.digest)).toBeUndefined();
  });

  test('does not put a row over the one that a fill has made meanwhile', async () => {
    const object = addFile(Buffer.from(`{${' '.repeat(100)}}`));
    content.open = async () => {
      await catalog.addContent(object, { mediaType: mediaTypes.ociIndex });
      return undefined;
    };
    await start();
    expect(catalog.findContent(object.digest)?.mediaType).toBe(mediaTypes.ociIndex);
  });

  test('that cannot begin yet waits, finds what is asked for meanwhile, and goes on when it can', async () => {
    const { list } = content;
    let tries = 0;
    content.list = () => {
      tries += 1;
      return Promise.reject(new Error('the catalog is not open'));
    };
    void start();
    await eventually(() => tries === 1);
    const [asked, other] = [addFile(bytesOf('asked', 10)), addFile(bytesOf('other', 10))];
    expect(await recovery.find(asked.digest)).toMatchObject(asked);
    clock.advance(1000);
    await eventually(() => tries === 2);
    content.list = list;
    clock.advance(1000);
    expect(await recovery.whenOver).toBe(true);
    expect(catalog.findContent(other.digest)).toMatchObject(other);
  });

  test('that waits is over when the process ends', async () => {
    content.list = () => Promise.reject(new Error('the catalog is not open'));
    void start();
    stop.abort();
    expect(await recovery.whenOver).toBe(false);
  });

  test('that is cut short leaves the rest undone and says so', async () => {
    const gate = await startHeld();
    const objects = Array.from({ length: 50 }, (_, index) => addFile(bytesOf(`${index}`, 10)));
    stop.abort();
    gate.open();
    expect(await recovery.whenOver).toBe(false);
    expect(content.listed).toEqual(['sha256:00']);
    expect(objects.filter(({ digest }) => catalog.findContent(digest) !== undefined)).toEqual([]);
  });

  test('that is cut short at its very end is not whole either', async () => {
    const gate = createGate();
    content.gates.set('sha512:ff', gate);
    void start();
    await gate.reached;
    stop.abort();
    gate.open();
    expect(await recovery.whenOver).toBe(false);
  });

  test('looks at every prefix of both algorithms', async () => {
    await start();
    expect(content.listed).toHaveLength(512);
    expect(content.listed.slice(0, 2)).toEqual(['sha256:00', 'sha256:01']);
    expect(content.listed.at(-1)).toBe('sha512:ff');
  });
});

describe('a promotion that was cut in half', () => {
  test('is ended: of two copies the public one stays, without a row or with either', async () => {
    const bytes = [bytesOf('none', 10), bytesOf('restricted', 10), bytesOf('public', 10)];
    for (const each of bytes) {
      addFile(each);
      addFile(each, 'restricted');
    }
    const [none, restricted, open] = bytes.map((each) => objectOf(each));
    if (none === undefined || restricted === undefined || open === undefined) throw new Error('there are three');
    addRow({ ...restricted, provenance: 'restricted' });
    addRow(open);
    await start();
    for (const { digest } of [none, restricted, open]) {
      expect(catalog.findContent(digest)?.provenance).toBe('public');
      expect(content.objects.has(digest)).toBe(true);
      expect(content.restricted.objects.has(digest)).toBe(false);
    }
  });

  test('is ended: where the row is ahead of the file, or behind it', async () => {
    const ahead = addRow(objectOf(bytesOf('ahead', 10)));
    addFile(bytesOf('ahead', 10), 'restricted');
    const behind = addRow(objectOf(bytesOf('behind', 10), 'restricted'));
    addFile(bytesOf('behind', 10));
    await start();
    for (const { digest } of [ahead, behind]) {
      expect(catalog.findContent(digest)?.provenance).toBe('public');
      expect(content.objects.has(digest)).toBe(true);
    }
  });
});

describe('while the search runs', () => {
  test('what is asked for gets its row at once, before its turn', async () => {
    const object = addFile(bytesOf('wanted', 10), 'restricted', 99);
    const gate = await startHeld();
    expect(catalog.findContent(object.digest)).toBeUndefined();
    expect(await recovery.find(object.digest)).toMatchObject(object);
    expect(catalog.lastUsedMs.get(object.digest)).toBe(99);
    expect(await recovery.find(objectOf(bytesOf('absent', 10)).digest)).toBeUndefined();
    gate.open();
    await recovery.whenOver;
  });

  test('a file that cannot be looked at is absent, and the search goes on', async () => {
    const gate = await startHeld();
    const find = content.find.bind(content);
    content.find = () => Promise.reject(new Error('EIO'));
    const object = addFile(bytesOf('a', 10));
    expect(await recovery.find(object.digest)).toBeUndefined();
    content.find = find;
    gate.open();
    expect(await recovery.whenOver).toBe(true);
    await eventually(() => catalog.findContent(object.digest) !== undefined);
  });

  test('and not after it: then a file without a row is none of ours', async () => {
    await start();
    const object = addFile(bytesOf('a', 10));
    expect(await recovery.find(object.digest)).toBeUndefined();
    expect(await noRecovery.find(object.digest)).toBeUndefined();
  });
});
