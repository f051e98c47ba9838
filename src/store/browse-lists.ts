import type { DatabaseSync } from 'node:sqlite';
import { parseDigest } from '../oci/digest.ts';
import type { RepositoryId } from '../oci/reference.ts';
import type {
  BrowsedImage,
  BrowsedRepository,
  BrowseFilter,
  ImageOrder,
  ImageQuery,
  ImageSizes,
  RepositoryQuery,
} from './browse-protocol.ts';
import { imageTables } from './image-sizes.ts';

type Values = Record<string, string | number>;
type Row = Readonly<Record<string, unknown>>;

/** SQL conditions and what they name; those without a value are left out. */
interface Conditions {
  readonly sql: string;
  readonly values: Values;
}

type ValueOrder = Exclude<ImageOrder, 'name'>;

/** What lists are sorted by, and in which table the content is in that order: each kind, where kinds have their own. */
const orders: Readonly<
  Record<ValueOrder, { readonly value: string; readonly from: string; readonly kinds: readonly string[] }>
> = {
  used: { value: 'last_used', from: 'content', kinds: ["kind = 'manifest'", "kind = 'pinned'"] },
  hits: { value: 'hits', from: 'content', kinds: ['TRUE'] },
  size: { value: 'bytes', from: 'sizes CROSS JOIN content ON content.digest = sizes.manifest', kinds: ['TRUE'] },
};
/** Fewer matches than this are looked up and sorted; of more some are near, wherever one looks. */
const fewTags = 3000;

/** The next `limit` images, and one more where there are more. */
export function listImages(db: DatabaseSync, query: ImageQuery): readonly BrowsedImage[] {
  const conditions = filterImages(query);
  const rows =
    query.order === 'name' ? listByName(db, query, conditions) : listByValue(db, query, query.order, conditions);
  return rows.map((row) => toImage(row, findSizes(db, String(row['digest']))));
}

export function findSizes(db: DatabaseSync, digest: string): ImageSizes {
  const row = db
    .prepare(
      `${imageTables('?')} SELECT coalesce(sum(parts.size), 0) AS size,
        coalesce(sum(CASE WHEN content.digest IS NOT NULL THEN parts.size END), 0) AS cached
        FROM parts LEFT JOIN content ON content.digest = parts.digest`,
    )
    .get(digest);
  return { sizeBytes: Number(row?.['size']), cachedBytes: Number(row?.['cached']) };
}

/** In the order of the names; also those of which something is here only by digest. */
export function listRepositories(db: DatabaseSync, query: RepositoryQuery): readonly BrowsedRepository[] {
  const { sql, values } = filter(query, `upstream || '/' || repository`);
  const { upstream: upstreamAfter, repository: repositoryAfter } = query.after ?? { upstream: '', repository: '' };
  const names = db
    .prepare(
      `SELECT upstream, repository FROM repositories
        WHERE (upstream, repository) > (:upstreamAfter, :repositoryAfter) ${sql} ORDER BY upstream, repository`,
    )
    .iterate({ upstreamAfter, repositoryAfter, ...values });
  const found: BrowsedRepository[] = [];
  for (const row of names) {
    const id = { upstream: String(row['upstream']), repository: String(row['repository']) };
    const known = describeRepository(db, id);
    if (known !== undefined) found.push(known);
    if (found.length > query.limit) break;
  }
  return found;
}

/** Undefined where nothing is here any more. */
function describeRepository(db: DatabaseSync, id: RepositoryId): BrowsedRepository | undefined {
  const count = (table: string, condition: string): Row | undefined =>
    db
      .prepare(
        `SELECT count(*) AS count, max(last_used) AS used FROM ${table} CROSS JOIN content USING (digest)
          WHERE upstream = ? AND repository = ? ${condition}`,
      )
      .get(id.upstream, id.repository);
  const tagged = count('tags', 'AND media_type IS NOT NULL');
  const tags = Number(tagged?.['count']);
  if (tags > 0) return { ...id, tags, lastUsedMs: Number(tagged?.['used']) };
  const linked = count('links', '');
  return Number(linked?.['count']) > 0 ? { ...id, tags: 0, lastUsedMs: Number(linked?.['used']) } : undefined;
}

function listByName(db: DatabaseSync, query: ImageQuery, { sql, values }: Conditions): readonly Row[] {
  const { after } = query;
  const from = after && 'AND (upstream, repository, tag) > (:upstreamAfter, :repositoryAfter, :tagAfter)';
  return db
    .prepare(
      `SELECT upstream, repository, tag, checked, ${contentColumns}, 0 AS value FROM tags CROSS JOIN content USING (digest)
        WHERE content.media_type IS NOT NULL ${from ?? ''} ${sql} ORDER BY upstream, repository, tag LIMIT :limit`,
    )
    .all({ ...values, ...(after && nameAfter(after)), limit: query.limit + 1 });
}

function listByValue(db: DatabaseSync, query: ImageQuery, order: ValueOrder, conditions: Conditions): readonly Row[] {
  const few = conditions.sql === '' ? undefined : findFew(db, query, order, conditions);
  return (few ?? walkContent(db, query, order, conditions)).toSorted(compareRows).slice(0, query.limit + 1);
}

/** All that match, unless they are many. */
function findFew(
  db: DatabaseSync,
  { after }: ImageQuery,
  order: ValueOrder,
  { sql, values }: Conditions,
): readonly Row[] | undefined {
  const matches: readonly Row[] = db
    .prepare(`SELECT upstream, repository, tag, checked, digest FROM tags WHERE TRUE ${sql} LIMIT ${fewTags}`)
    .all(values);
  if (matches.length === fewTags) return undefined;
  const { value, from } = orders[order];
  const find = db.prepare(
    `SELECT ${contentColumns}, ${value} AS value FROM ${from} WHERE content.digest = ? AND media_type IS NOT NULL`,
  );
  const rows = matches.flatMap((tag): readonly Row[] => {
    const content = find.get(String(tag['digest']));
    return content === undefined ? [] : [{ ...content, ...tag }];
  });
  return after === undefined ? rows : rows.filter((row) => compareRows({ ...after }, row) < 0);
}

/** As many as there may be on the page, of each kind, in order. */
function walkContent(
  db: DatabaseSync,
  { after, limit }: ImageQuery,
  order: ValueOrder,
  { sql, values }: Conditions,
): readonly Row[] {
  const { value, from, kinds } = orders[order];
  const isAfter = `AND ${value} <= :valueAfter AND (${value} < :valueAfter
    OR (${value} = :valueAfter AND (content.digest < :digestAfter OR (content.digest = :digestAfter
    AND (upstream, repository, tag) > (:upstreamAfter, :repositoryAfter, :tagAfter)))))`;
  const place = after && { ...nameAfter(after), valueAfter: after.value, digestAfter: after.digest };
  return kinds.flatMap((kind): readonly Row[] =>
    db
      .prepare(
        `SELECT upstream, repository, tag, checked, ${contentColumns}, ${value} AS value
          FROM ${from} CROSS JOIN tags ON tags.digest = content.digest
          WHERE media_type IS NOT NULL AND ${kind} ${place === undefined ? '' : isAfter} ${sql}
          ORDER BY value DESC, content.digest DESC, upstream, repository, tag LIMIT :limit`,
      )
      .all({ ...values, ...place, limit: limit + 1 }),
  );
}

const contentColumns = `content.digest AS digest, media_type, provenance, pinned, hits, last_used`;

function nameAfter({ upstream, repository, tag }: RepositoryId & { readonly tag: string }): Values {
  return { upstreamAfter: upstream, repositoryAfter: repository, tagAfter: tag };
}

function compareRows(a: Row, b: Row): number {
  const byValue = Number(b['value']) - Number(a['value']);
  if (byValue !== 0) return byValue;
  if (a['digest'] !== b['digest']) return String(a['digest']) > String(b['digest']) ? -1 : 1;
  const [nameA, nameB] = [a, b].map(
    (row) => `${String(row['upstream'])} ${String(row['repository'])} ${String(row['tag'])}`,
  );
  return (nameA ?? '') < (nameB ?? '') ? -1 : 1;
}

function filterImages(query: ImageQuery): Conditions {
  const { sql, values } = filter(query, `tags.upstream || '/' || tags.repository || ':' || tags.tag`);
  if (query.repository === undefined) return { sql, values };
  return { sql: `${sql} AND repository = :repository`, values: { ...values, repository: query.repository } };
}

function filter({ search, upstream }: BrowseFilter, name: string): Conditions {
  const conditions = [
    upstream === undefined ? '' : 'AND upstream = :upstream',
    search === undefined ? '' : `AND instr(lower(${name}), lower(:search)) > 0`,
  ];
  return {
    sql: conditions.join(' ').trim(),
    values: { ...(upstream !== undefined && { upstream }), ...(search !== undefined && { search }) },
  };
}

function toImage(row: Row, sizes: ImageSizes): BrowsedImage {
  const id = { upstream: String(row['upstream']), repository: String(row['repository']), tag: String(row['tag']) };
  const digest = parseDigest(String(row['digest']));
  return {
    ...id,
    ...sizes,
    digest,
    mediaType: String(row['media_type']),
    provenance: row['provenance'] === 'public' ? 'public' : 'restricted',
    isPinned: Number(row['pinned']) === 1,
    hits: Number(row['hits']),
    lastUsedMs: Number(row['last_used']),
    checkedMs: Number(row['checked']),
    position: { ...id, value: Number(row['value']), digest },
  };
}
