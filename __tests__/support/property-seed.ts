// Runs before each test file (jest.config.js). Properties are tested with the same inputs each time, so that what CI says
// of a change is about that change. New inputs come with FUZZ_SECONDS (fuzz/fuzz.ts), or with a FUZZ_SEED of one's own.
import fc from 'fast-check';

const given = process.env['FUZZ_SEED'];
const isExploring = Number(process.env['FUZZ_SECONDS'] ?? 0) > 0;

/** Undefined: another one each time. */
const seed = given === undefined ? (isExploring ? undefined : 1) : Number(given);
/** For `fc.check` in a program of its own; in test files it is the rule already. */
export const seeded: { readonly seed?: number } = seed === undefined ? {} : { seed };

fc.configureGlobal(seeded);
