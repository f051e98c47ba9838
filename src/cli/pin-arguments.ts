import { findPin, pinExpectation } from '../config/pins.ts';
import { CliFailure } from './failure.ts';

/** Refuses what no mirror could read as a pin, before any is asked. @throws CliFailure with a line for each */
export function checkPins(pins: readonly string[]): void {
  const problems = pins
    .filter((pin) => findPin(pin) === undefined)
    .map((pin) => `${JSON.stringify(pin)} is no pin: expected ${pinExpectation}`);
  if (problems.length > 0) throw new CliFailure(problems, { status: 2 });
}
