import { pull } from './raw-client.ts';

/** The sum of all series of one metric at the admin listener; undefined when there is none of that name. */
export async function readMetric(
  adminAddress: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number | undefined> {
  const { body } = await pull(adminAddress, '/metrics', { keepBody: true });
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const values = body
    .toString()
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .filter((line) => wanted.every((label) => line.includes(label)))
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}
