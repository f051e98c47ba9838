import type { Health } from './health.ts';
import type { Meter } from './metrics.ts';

/** What the service as a whole tells: its version, and each reason why it is not whole. */
export function registerServiceGauges(meter: Meter, health: Health, version: string): void {
  meter.labelledGauge({
    name: 'info',
    help: 'Always 1; the version is its label',
    labels: ['version'],
    read: () => [{ labels: { version }, value: 1 }],
  });
  meter.labelledGauge({
    name: 'degraded',
    help: 'Parts that are not whole, as in credentials:docker.io; why is in /readyz',
    labels: ['part'],
    read: () => health.degraded.map(({ part }) => ({ labels: { part }, value: 1 })),
  });
}
