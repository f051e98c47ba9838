import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { findProjectRoot } from '../unit/config/project-root.ts';
import { describeWith } from './support/describe-with.ts';
import { run } from './support/tools.ts';

describeWith({ programs: ['systemd-analyze'] }, 'the systemd unit', () => {
  const unit = join(findProjectRoot(dirname(fileURLToPath(import.meta.url))), 'packaging/systemd/stowage.service');

  test('is one that systemd understands in every line', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'stowage-'));
    try {
      // A misspelt key is a warning, which only the output tells of; what it prints goes to stderr.
      const copy = join(directory, 'stowage.service');
      await copyFile(unit, copy);
      const script = `systemd-analyze --man=no verify ${copy} 2>&1`;
      expect(await run('sh', ['-c', script])).toBe('');
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  test('leaves the service few ways to do harm', async () => {
    const report = await run('systemd-analyze', ['security', '--offline=true', '--no-pager', unit]);
    const [, exposure = '10'] = /exposure level for stowage\.service: ([\d.]+)/.exec(report) ?? [];
    expect(Number(exposure)).toBeLessThan(2);
  });
});
