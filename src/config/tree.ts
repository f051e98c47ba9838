/** Looking into configuration that is not checked yet. Whatever does not fit reads as absent. */

export type Path = readonly (string | number)[];

export function asMap(value: unknown): Readonly<Record<string, unknown>> {
  return isMap(value) ? value : {};
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** What stands at `path`; undefined where there is nothing. */
export function valueAt(tree: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (node, step) => (typeof step === 'number' ? asList(node)[step] : ownValue(asMap(node), step)),
    tree,
  );
}

/** A copy with `value` at `path`. A map or list is made where there is none; what is neither stays as it is. */
export function withValueAt(tree: unknown, [step, ...rest]: Path, value: unknown): unknown {
  if (step === undefined) return value;
  if (typeof step === 'number') {
    if (tree !== undefined && !Array.isArray(tree)) return tree;
    const list = [...asList(tree)];
    list[step] = withValueAt(list[step], rest, value);
    return list;
  }
  if (tree !== undefined && !isMap(tree)) return tree;
  return { ...asMap(tree), [step]: withValueAt(ownValue(asMap(tree), step), rest, value) };
}

function ownValue(map: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
