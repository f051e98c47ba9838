import { describe } from '@jest/globals';
import process from 'node:process';
import { findTool } from './tools.ts';

export interface ToolNeeds {
  readonly programs: readonly string[];
  readonly root?: boolean;
}

/** `describe` where everything it needs is here; else skipped under a name that says what is missing. */
export function describeWith(needs: ToolNeeds, name: string, tests: () => void): void {
  const missing = needs.programs.filter((program) => findTool(program) === undefined);
  if (needs.root === true && process.getuid?.() !== 0) missing.push('root');
  if (missing.length === 0) describe(name, tests);
  else describe.skip(`${name} (missing: ${missing.join(', ')})`, tests);
}
