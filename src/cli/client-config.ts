import { Argument, type Command } from 'commander';
import { isLoopbackUrl, resolvePublicUrl } from '../config/public-url.ts';
import { clients } from './clients/clients.ts';
import { toMirrorTarget } from './clients/mirror-target.ts';
import { addConfigOption, loadConfigOption, type ConfigOption } from './config-option.ts';
import type { CliContext } from './context.ts';

/** `client-config CLIENT`: what to paste so that CLIENT pulls through this mirror. */
export function addClientConfig(program: Command, context: CliContext): void {
  addConfigOption(program.command('client-config'))
    .description('print what to paste into a client, for all upstreams of this mirror')
    .addArgument(new Argument('<client>', 'who is to pull through this mirror').choices(Object.keys(clients)))
    .action((client: keyof typeof clients, option: ConfigOption) => {
      const config = loadConfigOption(option, context);
      const target = toMirrorTarget(config);
      const { text, notes } = clients[client](target);
      context.stdout.write(text);
      const reach = isLoopbackUrl(resolvePublicUrl(config))
        ? [`${target.url} is for clients on this machine; for others set publicUrl`]
        : [];
      for (const note of [...notes, ...reach]) context.stderr.write(`note: ${note}\n`);
    });
}
