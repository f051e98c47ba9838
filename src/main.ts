#!/usr/bin/env node
// Start, signals, exit status. Only `runtime` is loaded at once: the rest needs a Node that it first makes sure of.
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Config } from './config/config.ts';
import type { ConfigSource } from './config/source.ts';
import { ensureRuntime, learnFast } from './runtime.ts';

if (await ensureRuntime()) {
  const { runCli } = await import('./cli/run-cli.ts');
  const { cliClock } = await import('./cli/clock.ts');
  const { argv, env, stdout, stderr } = process;
  // `stowage ls | head`: nobody reads on, so there is nothing to say.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(1);
  });
  // Until the exit below: neither our timers nor a worker that is told to end keep Node from ending before all is closed.
  setInterval(() => undefined, 60_000);
  const status = await runCli({
    argv: argv.slice(2),
    env,
    cwd: process.cwd(),
    stdout,
    stderr,
    clock: cliClock,
    onInterrupt,
    serve,
    version: readVersion(),
  });
  process.exit(process.exitCode ?? status);
}

/** Runs the mirror until a signal; a second signal ends the process at once. SIGHUP reads the configuration anew. */
async function serve(config: Config, source: ConfigSource): Promise<void> {
  const { startService } = await import('./compose.ts');
  const { formatBanner } = await import('./cli/banner.ts');
  learnFast();
  const hangUps = { isMissed: false, reload: (): void => void (hangUps.isMissed = true) };
  const starting = waitForEnd(() => hangUps.reload());
  const service = await startService(config, { version: readVersion(), environment: process.env, source });
  hangUps.reload = () => service.reload();
  // What was asked for while it started may be about what had been read by then.
  if (hangUps.isMissed) service.reload();
  process.stderr.write(formatBanner(config, { mirror: service.mirrorAddresses, admin: service.adminAddresses }));
  const end = await starting;
  if (end instanceof Error) {
    service.log.error({ err: end }, 'a bug nobody caught; the mirror ends');
    process.exitCode = 1;
  } else service.log.info({ signal: end }, 'the mirror ends');
  await service.stop();
}

/** Of commands that wait for something; `serve` has its own way. */
function onInterrupt(listener: () => void): () => void {
  process.once('SIGTERM', listener);
  process.once('SIGINT', listener);
  return () => {
    process.off('SIGTERM', listener);
    process.off('SIGINT', listener);
  };
}

/** Resolves with the first signal, or with the error that nobody caught. */
async function waitForEnd(reload: () => void): Promise<NodeJS.Signals | Error> {
  return await new Promise((resolve) => {
    let hasEnded = false;
    const end = (reason: NodeJS.Signals | Error): void => {
      if (hasEnded) process.exit(1);
      hasEnded = true;
      resolve(reason);
    };
    process.on('SIGTERM', end);
    process.on('SIGINT', end);
    process.on('SIGHUP', () => {
      if (!isTerminalGone()) reload();
      else if (!hasEnded) end('SIGHUP');
    });
    process.on('uncaughtException', end);
  });
}

/** Whether it was started at a terminal that has been closed: that comes as SIGHUP too, and means the end. */
function isTerminalGone(): boolean {
  if (!process.stdin.isTTY) return false;
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return false;
  } catch {
    return true;
  }
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { version?: unknown }).version);
}
