import { z } from 'zod';

/** The schemas that the API's description names, with the names. */
const registry = z.registry<{ id: string }>();

type Mutable<T> = T extends readonly (infer Item)[]
  ? Mutable<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Mutable<T[Key]> }
    : T;

type IsSame<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

/**
 * Names a schema of exactly this shape: `named<Status>()('Status', schema)` does not compile when a field is missing,
 * too many or of another type.
 */
export function named<Shape>() {
  return <Schema extends z.ZodType>(
    id: string,
    schema: Schema,
    ..._same: IsSame<z.output<Schema>, Mutable<Shape>> extends true
      ? []
      : ['the schema has another shape than the type']
  ): Schema => {
    registry.add(schema, { id });
    return schema;
  };
}

/** Every named schema as JSON Schema 2020-12, in the place where an OpenAPI document has them. */
export function describeSchemas(): Readonly<Record<string, object>> {
  const uri = schemaUri;
  const { schemas } = z.toJSONSchema(registry, { uri, target: 'draft-2020-12' });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, schema]) => {
      const { $schema: _dialect, $id: _place, ...rest } = schema;
      return [id, rest];
    }),
  );
}

/** @throws Error for a schema that is not named */
export function idOf(schema: z.ZodType): string {
  const id = registry.get(schema)?.id;
  if (id === undefined) throw new Error('the schema has no name');
  return id;
}

export function schemaUri(id: string): string {
  return `#/components/schemas/${id}`;
}

/** ISO 8601 in UTC. */
export const time = z.string().meta({ format: 'date-time' });
export const bytes = z.int().nonnegative().meta({ description: 'Bytes.' });
export const count = z.int().nonnegative();
export const ratio = z.number().min(0).max(1);
export const digest = z.string().meta({ examples: [`sha256:${'0'.repeat(64)}`] });

/** One page of a list. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.strictObject({
    items: z.array(item),
    next: z.string().nullable().meta({ description: 'Goes into `cursor` of the next request; null at the end.' }),
  });
}
