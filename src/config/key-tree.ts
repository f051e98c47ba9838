import { z } from 'zod';
import { fileSchema } from './schema.ts';
import { isMap } from './tree.ts';

/** The keys of the configuration file, as data. */
export interface KeyNode {
  readonly kinds: readonly Kind[];
  /** Defined for a map. */
  readonly keys: ReadonlyMap<string, KeyNode> | undefined;
  /** Defined for a list. */
  readonly items: KeyNode | undefined;
  /** As one would write it in the file; undefined where there is none, or none that is the same for everybody. */
  readonly defaultValue: unknown;
}

type Kind = z.core.JSONSchema.SchemaType;

export function keyTree(): KeyNode {
  return toNode(z.toJSONSchema(fileSchema, { io: 'input' }));
}

/** The node of a key; for a list's entry any index. */
export function findKey(root: KeyNode, path: readonly (string | number)[]): KeyNode | undefined {
  return path.reduce<KeyNode | undefined>(
    (node, step) => (typeof step === 'number' ? node?.items : node?.keys?.get(step)),
    root,
  );
}

/**
 * A copy of a file's tree in which known keys without a value are absent: `cache:` with every line below it
 * commented out is no mistake.
 */
export function withoutEmptyKeys(tree: unknown, node: KeyNode | undefined): unknown {
  if (Array.isArray(tree)) return tree.map((item) => withoutEmptyKeys(item, node?.items));
  if (!isMap(tree)) return tree;
  const entries = Object.entries(tree).filter(([key, value]) => value !== null || node?.keys?.has(key) !== true);
  return Object.fromEntries(entries.map(([key, value]) => [key, withoutEmptyKeys(value, node?.keys?.get(key))]));
}

function toNode(schema: z.core.JSONSchema._JSONSchema): KeyNode {
  if (typeof schema === 'boolean') return { kinds: [], keys: undefined, items: undefined, defaultValue: undefined };
  const variants = (schema.anyOf ?? []).map(toNode);
  const own = [schema.type ?? []].flat();
  const items = schema.items === undefined || Array.isArray(schema.items) ? undefined : toNode(schema.items);
  return {
    kinds: [...own, ...variants.flatMap((variant) => variant.kinds)],
    keys:
      schema.properties === undefined
        ? undefined
        : new Map(Object.entries(schema.properties).map(([key, value]) => [key, toNode(value)])),
    items: items ?? variants.find((variant) => variant.items !== undefined)?.items,
    defaultValue: schema.default,
  };
}
