import type { Job, JobItem } from '../../admin/api-types.ts';
import type { Tone } from '../parts/badge.tsx';

export const jobTones: Readonly<Record<Job['state'] | JobItem['state'], Tone>> = {
  waiting: 'plain',
  running: 'plain',
  done: 'good',
  failed: 'bad',
  cancelled: 'warn',
};
