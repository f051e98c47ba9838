import type { UpstreamHealth } from '../../admin/api-types.ts';
import type { Tone } from '../parts/badge.tsx';

export const healthWords: Readonly<Record<UpstreamHealth, { readonly word: string; readonly tone: Tone }>> = {
  ok: { word: 'ok', tone: 'good' },
  paused: { word: 'paused', tone: 'warn' },
  'login-rejected': { word: 'login rejected', tone: 'warn' },
  away: { word: 'away', tone: 'bad' },
};
