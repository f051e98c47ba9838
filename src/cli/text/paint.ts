import { styleText } from 'node:util';
import type { CliContext, TextOutput } from '../context.ts';

export type Colour = 'green' | 'yellow' | 'red' | 'bold';
export type Paint = (colour: Colour, text: string) => string;

/** Colours for a terminal that takes them; elsewhere, and where NO_COLOR is set (no-color.org), plain text. */
export function createPaint(output: TextOutput, { env }: Pick<CliContext, 'env'>): Paint {
  const isWanted = output.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  return (colour, text) => (isWanted ? styleText(colour, text, { validateStream: false }) : text);
}
